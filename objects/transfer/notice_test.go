package transfer

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
)

// hearing has custody of one object, and its need of an extent is the name's
// first byte.
type hearing struct {
	holder wire.PeerID
	notice Notice
}

func (h *hearing) Notice(holder wire.PeerID, n Notice) (needs []Need, err error) {
	if n.Object != (wire.ObjectID{7}) {
		return nil, errs.Newf("hear", "", errs.NotFound, "not in custody here")
	}
	h.holder, h.notice = holder, n
	for _, x := range n.Extents {
		needs = append(needs, Need(x[0]))
	}
	return needs, nil
}

func TestCustodiansHearHolders(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	notice := Notice{Object: wire.ObjectID{7}, Leaving: true, Extents: []wire.ExtentID{{0}, {1}, {2}}}
	if _, err := Notify(t.Context(), w, n.peer, notice); refusedAs(err) != RefusedNotAllowed {
		t.Errorf("a peer without custody: %v", err)
	}
	heard := new(hearing)
	n.server.Noticing = heard
	needs, err := Notify(t.Context(), w, n.peer, notice)
	if err != nil || !slices.Equal(needs, []Need{NotKept, Needed, Settled}) {
		t.Errorf("needs: %v, %v", needs, err)
	}
	if heard.holder != w.self || !heard.notice.Leaving || len(heard.notice.Extents) != 3 {
		t.Errorf("heard of %v: %+v", heard.holder, heard.notice)
	}
	notice.Extents = []wire.ExtentID{{3}}
	if _, err := Notify(t.Context(), w, n.peer, notice); !errors.Is(err, ErrProtocol) {
		t.Errorf("a need that is none: %v", err)
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
	needs := bytes.Repeat([]byte{byte(Settled)}, NoticeExtentsMax)
	for _, m := range []struct {
		message message
		max     int
	}{{&n, noticeBytesMax}, {&noticeReply{Needs: needs}, noticeReplyBytesMax}} {
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
	fuzz(f, noticeReplyBytesMax, &noticeReply{Needs: []byte{0, 2}}, &noticeReply{Refusal: refuse(RefusedNotFound, "no")})
}
