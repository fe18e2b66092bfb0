package transfer

import (
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
)

// hearing has custody of one object, and holds the extents with an odd first
// byte for settled.
type hearing struct {
	holder wire.PeerID
	notice Notice
}

func (h *hearing) Notice(holder wire.PeerID, n Notice) ([]bool, error) {
	if n.Object != (wire.ObjectID{7}) {
		return nil, errs.Newf("hear", "", errs.NotFound, "not in custody here")
	}
	h.holder, h.notice = holder, n
	settled := make([]bool, len(n.Extents))
	for i, x := range n.Extents {
		settled[i] = x[0]%2 == 1
	}
	return settled, nil
}

func TestCustodiansHearHolders(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	notice := Notice{Object: wire.ObjectID{7}, Leaving: true, Extents: []wire.ExtentID{{1}, {2}, {3}}}
	if _, err := Notify(t.Context(), w, n.peer, notice); refusedAs(err) != RefusedNotAllowed {
		t.Errorf("a peer without custody: %v", err)
	}
	heard := new(hearing)
	n.server.Noticing = heard
	settled, err := Notify(t.Context(), w, n.peer, notice)
	if err != nil || len(settled) != 3 || !settled[0] || settled[1] || !settled[2] {
		t.Errorf("settled: %v, %v", settled, err)
	}
	if heard.holder != w.self || !heard.notice.Leaving || len(heard.notice.Extents) != 3 {
		t.Errorf("heard of %v: %+v", heard.holder, heard.notice)
	}
	notice.Object = wire.ObjectID{8}
	if _, err := Notify(t.Context(), w, n.peer, notice); refusedAs(err) != RefusedNotFound {
		t.Errorf("another object: %v", err)
	}
}

func TestNoticesThatBreakARuleAreRefused(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	heard := new(hearing)
	n.server.Noticing = heard
	for name, extents := range map[string][]wire.ExtentID{
		"none":            nil,
		"one twice":       {{1}, {1}},
		"in no order":     {{2}, {1}},
		"more than a few": make([]wire.ExtentID, NoticeExtentsMax+1),
	} {
		s, err := w.Open(t.Context(), n.peer, ProtocolNotice)
		if err != nil {
			t.Fatal(err)
		}
		frame.WriteMessage(s, &Notice{Object: wire.ObjectID{7}, Extents: extents})
		var reply noticeReply
		if err := receive(s, &reply, noticeReplyBytesMax); err != nil || reply.Refusal == nil || reply.Refusal.Kind != RefusedMalformed {
			t.Errorf("%s: %+v, %v", name, reply, err)
		}
		s.Reset()
	}
	if heard.notice.Extents != nil {
		t.Error("one was heard")
	}
}

func TestTheLargestNoticeFits(t *testing.T) {
	n := Notice{Leaving: true}
	for i := range NoticeExtentsMax {
		n.Extents = append(n.Extents, wire.ExtentID{byte(i)})
	}
	positions := make([]byte, NoticeExtentsMax)
	for i := range positions {
		positions[i] = byte(i)
	}
	for _, m := range []struct {
		message message
		max     int
	}{{&n, noticeBytesMax}, {&noticeReply{Settled: positions}, noticeReplyBytesMax}} {
		b := wire.Marshal(m.message)
		if err := m.message.check(); err != nil || len(b) > m.max {
			t.Errorf("%T of %d bytes, at most %d: %v", m.message, len(b), m.max, err)
		}
	}
}

func FuzzNotice(f *testing.F) {
	fuzz(f, noticeBytesMax, &Notice{Leaving: true, Extents: []wire.ExtentID{{1}, {2}}})
}

func FuzzNoticeReply(f *testing.F) {
	fuzz(f, noticeReplyBytesMax, &noticeReply{Settled: []byte{0, 3}}, &noticeReply{Refusal: refuse(RefusedNotFound, "no")})
}
