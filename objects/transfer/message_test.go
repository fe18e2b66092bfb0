package transfer

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// largest returns, for each message, the largest one that its rules allow.
func largest() map[string]struct {
	m   message
	max int
} {
	all := make([]byte, wire.SharesMax)
	for i := range all {
		all[i] = byte(i)
	}
	text := strings.Repeat("x", RefusalTextBytesMax)
	receipt := &extent.CompactReceipt{Share: 255, LeaseSeconds: math.MaxUint64}
	type bound = struct {
		m   message
		max int
	}
	return map[string]bound{
		"put open":    {&putOpen{K: 255, N: 255, Share: 254, LeaseSeconds: math.MaxUint64}, putOpenBytesMax},
		"put close":   {&putClose{Manifest: make([]byte, wire.ManifestBytesMax)}, putCloseBytesMax},
		"receipt":     {&putReply{Receipt: receipt}, putReplyBytesMax},
		"put refusal": {&putReply{Refusal: &Refusal{Kind: 255, Text: text}}, putReplyBytesMax},
		"get range":   {&getRequest{What: getRange, Share: 255, Offset: wire.ShareBytesMax - RangeBytesMax, Length: RangeBytesMax}, getRequestBytesMax},
		"manifest":    {&getReply{Manifest: make([]byte, wire.ManifestBytesMax), Shares: all}, getReplyBytesMax},
		"get refusal": {&getReply{Refusal: &Refusal{Kind: 255, Text: text}}, getReplyBytesMax},
	}
}

func TestEveryLegalMessageFitsItsBound(t *testing.T) {
	for name, c := range largest() {
		if err := c.m.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(wire.Marshal(c.m)); n > c.max {
			t.Errorf("%s: %d bytes, limit %d", name, n, c.max)
		}
	}
}

func TestMessagesThatBreakARule(t *testing.T) {
	refusal := &Refusal{Kind: RefusedFull, Text: "no"}
	for name, m := range map[string]message{
		"open: k is zero":          &putOpen{K: 0, N: 3, LeaseSeconds: 1},
		"open: n below k":          &putOpen{K: 4, N: 3, LeaseSeconds: 1},
		"open: share is n":         &putOpen{K: 2, N: 3, Share: 3, LeaseSeconds: 1},
		"open: no lease":           &putOpen{K: 2, N: 3},
		"close: long manifest":     &putClose{Manifest: make([]byte, wire.ManifestBytesMax+1)},
		"reply: nothing":           &putReply{},
		"reply: both":              &putReply{Refusal: refusal, Receipt: &extent.CompactReceipt{}},
		"reply: kind zero":         &putReply{Refusal: &Refusal{}},
		"reply: long text":         &putReply{Refusal: &Refusal{Kind: 1, Text: strings.Repeat("x", RefusalTextBytesMax+1)}},
		"request: neither":         &getRequest{What: 0},
		"request: unknown":         &getRequest{What: 3},
		"request: manifest, range": &getRequest{What: getManifest, Length: 1},
		"request: manifest, share": &getRequest{What: getManifest, Share: 1},
		"request: empty range":     &getRequest{What: getRange},
		"request: long range":      &getRequest{What: getRange, Length: RangeBytesMax + 1},
		"request: far range":       &getRequest{What: getRange, Offset: wire.ShareBytesMax, Length: 1},
		"request: wrapping range":  &getRequest{What: getRange, Offset: math.MaxUint32, Length: 2},
		"answer: refusal and more": &getReply{Refusal: refusal, Shares: []byte{1}},
		"answer: long manifest":    &getReply{Manifest: make([]byte, wire.ManifestBytesMax+1)},
		"answer: not ascending":    &getReply{Shares: []byte{1, 1}},
	} {
		if err := m.check(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v, want ErrProtocol", name, err)
		}
	}
}

func TestRefusalTextIsBoundedAndPrintable(t *testing.T) {
	long := refuse(RefusedFull, "%s", strings.Repeat("é", RefusalTextBytesMax))
	if err := long.check(); err != nil {
		t.Error(err)
	}
	if err := parse(wire.Marshal(&putReply{Refusal: long}), new(putReply), putReplyBytesMax); err != nil {
		t.Errorf("a cut text is not legal: %v", err)
	}
	if got := (&Refusal{Kind: RefusedBusy, Text: "a\x1b[31m\nb"}).Error(); got != "refused (busy): a[31mb" {
		t.Errorf("text %q", got)
	}
	if got := RefusalKind(99).String(); got != "kind 99" {
		t.Errorf("unknown kind is %q", got)
	}
}

// fuzz checks that what parses as a message re-encodes to the same bytes.
func fuzz[M any, P interface {
	*M
	message
}](f *testing.F, max int, seeds ...P) {
	for _, s := range seeds {
		f.Add(wire.Marshal(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := P(new(M))
		if parse(b, m, max) == nil && !bytes.Equal(wire.Marshal(m), b) {
			t.Fatalf("%x parses but encodes to %x", b, wire.Marshal(m))
		}
	})
}

func FuzzPutOpen(f *testing.F) {
	fuzz(f, putOpenBytesMax, &putOpen{K: 16, N: 32, Share: 3, LeaseSeconds: 1000})
}

func FuzzPutClose(f *testing.F) {
	fuzz(f, putCloseBytesMax, &putClose{Manifest: []byte("manifest"), Signature: wire.Signature{1}})
}

func FuzzPutReply(f *testing.F) {
	fuzz(f, putReplyBytesMax, &putReply{Refusal: refuse(RefusedFull, "no")}, &putReply{Receipt: &extent.CompactReceipt{Share: 3}})
}

func FuzzGetRequest(f *testing.F) {
	fuzz(f, getRequestBytesMax, &getRequest{What: getManifest}, &getRequest{What: getRange, Share: 2, Offset: 9, Length: 70000})
}

func FuzzGetReply(f *testing.F) {
	fuzz(f, getReplyBytesMax, &getReply{}, &getReply{Refusal: refuse(RefusedNotFound, "no")}, &getReply{Manifest: []byte("manifest"), Shares: []byte{1, 4}})
}
