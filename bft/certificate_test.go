package bft

import (
	"bytes"
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func TestCertificate(t *testing.T) {
	for _, n := range []int{1, 4, 7, 10} {
		r := genesisOf(n).Body.Ring()
		signers := make([]int, 0, n)
		for i := n - r.Quorum(); i < n; i++ {
			signers = append(signers, i)
		}
		c := sign(r, Commit, decisionOf(r, 1, wire.VersionID{}), 3, signers...)
		if err := c.Verify(Commit, r); err != nil {
			t.Errorf("ring of %d: %v", n, err)
		}
		parsed, err := ParseCertificate(c.Encode())
		if err != nil || !bytes.Equal(parsed.Encode(), c.Encode()) {
			t.Errorf("ring of %d: %v", n, err)
		}
		if err := c.Verify(Prepare, r); !errors.Is(err, ErrCertificate) {
			t.Errorf("ring of %d: commits pass as prepares: %v", n, err)
		}
	}
}

func TestCertificateRefused(t *testing.T) {
	r := genesisOf(4).Body.Ring()
	d := decisionOf(r, 2, wire.VersionID{9})
	foreign := genesisOf(4).Body
	foreign.Salt[0] = 77
	otherObject, otherEpoch := foreign.Ring(), next(r, 4)
	otherEpoch.Members = r.Members

	for name, spoil := range map[string]func(*Certificate){
		"f+1":                         func(c *Certificate) { *c = sign(r, Commit, d, 1, 0, 1) },
		"2f":                          func(c *Certificate) { *c = sign(r, Commit, d, 1, 2, 3) },
		"nobody":                      func(c *Certificate) { c.Signers, c.Signatures = 0, nil },
		"signer twice":                func(c *Certificate) { c.Signatures[1] = c.Signatures[0] },
		"one bit, three signatures":   func(c *Certificate) { c.Signers = 1 },
		"three bits, four signatures": func(c *Certificate) { c.Signatures = append(c.Signatures, c.Signatures[0]) },
		"foreign member":              func(c *Certificate) { c.Signers = 1 | 2 | 1<<4 },
		"bit beyond":                  func(c *Certificate) { c.Signers = 1 | 2 | 1<<15 },
		"wrong key":                   func(c *Certificate) { c.Signatures[2] = SignVote(key(9), Commit, c.Ballot()) },
		"wrong member":                func(c *Certificate) { c.Signers = 1 | 2 | 8 },
		"unsigned":                    func(c *Certificate) { c.Signatures[0] = wire.Signature{} },
		"prepares":                    func(c *Certificate) { *c = sign(r, Prepare, d, 1, 0, 1, 2); c.Kind = Commit },
		"kind 0":                      func(c *Certificate) { c.Kind = 0 },
		"other view":                  func(c *Certificate) { c.View++ },
		"format":                      func(c *Certificate) { c.Format = 2 },
		"other state":                 func(c *Certificate) { c.Decision.State[3]++ },
		"other time":                  func(c *Certificate) { c.Decision.TimeUnixMilli++ },
		"version 0":                   func(c *Certificate) { *c = sign(r, Commit, decisionOf(r, 0, wire.VersionID{}), 1, 0, 1, 2) },
		"version 1 after":             func(c *Certificate) { *c = sign(r, Commit, decisionOf(r, 1, wire.VersionID{9}), 1, 0, 1, 2) },
		"version 2 first":             func(c *Certificate) { *c = sign(r, Commit, decisionOf(r, 2, wire.VersionID{}), 1, 0, 1, 2) },
		"of other object": func(c *Certificate) {
			*c = sign(otherObject, Commit, decisionOf(otherObject, 2, wire.VersionID{9}), 1, 0, 1, 2)
		},
		"of other epoch":   func(c *Certificate) { *c = sign(r, Commit, decisionOf(otherEpoch, 2, wire.VersionID{9}), 1, 0, 1, 2) },
		"of other members": func(c *Certificate) { c.Decision.Ring = wire.RingCertID{1} },
	} {
		c := sign(r, Commit, d, 1, 0, 1, 2)
		spoil(&c)
		if err := c.Verify(Commit, r); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFork(t *testing.T) {
	r := genesisOf(4).Body.Ring()
	a, b := decisionOf(r, 2, wire.VersionID{9}), decisionOf(r, 2, wire.VersionID{9})
	b.State[0]++
	c := sign(r, Commit, a, 0, 0, 1, 2)
	if liars, forked := Fork(c, sign(r, Commit, b, 0, 1, 2, 3)); !forked || liars != 1<<1|1<<2 {
		t.Errorf("liars %b, %v", liars, forked)
	}
	if liars, forked := Fork(c, sign(r, Commit, b, 1, 1, 2, 3)); !forked || liars != 0 {
		t.Errorf("in two views: liars %b, %v", liars, forked)
	}
	if _, forked := Fork(c, sign(r, Commit, a, 5, 1, 2, 3)); forked {
		t.Error("one decision in two views is called a fork")
	}
	if _, forked := Fork(c, sign(r, Commit, decisionOf(r, 3, a.ID()), 0, 1, 2, 3)); forked {
		t.Error("two versions are called a fork")
	}
}

func TestBatch(t *testing.T) {
	full := func(n, size int) (b Batch) {
		for i := range n {
			u := make([]byte, size)
			u[0] = byte(i)
			b.Updates, b.Outcomes = append(b.Updates, u), append(b.Outcomes, []byte{byte(i)})
		}
		return b
	}
	good := full(3, 10)
	p := Proposal{Decision: Decision{Version: 1, Outcomes: good.Digest()}, Batch: good}
	if _, err := ParseProposal(p.Encode()); err != nil {
		t.Error(err)
	}
	for name, b := range map[string]Batch{
		"empty":          {},
		"257 updates":    full(wire.BatchUpdatesMax+1, 1),
		"an update more": full(1, wire.UpdateBytesMax+1),
		"a byte more":    full(2, wire.BatchBytesMax/2+1),
		"no outcome":     {Updates: good.Updates, Outcomes: good.Outcomes[:2]},
		"large outcome":  {Updates: good.Updates[:1], Outcomes: [][]byte{make([]byte, OutcomeBytesMax+1)}},
	} {
		if err := b.Check(); !errors.Is(err, ErrBatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string]Batch{
		"other order":   {Updates: [][]byte{good.Updates[1], good.Updates[0], good.Updates[2]}, Outcomes: good.Outcomes},
		"other outcome": {Updates: good.Updates, Outcomes: [][]byte{{0}, {1}, {9}}},
		"one less":      {Updates: good.Updates[:2], Outcomes: good.Outcomes[:2]},
	} {
		p.Batch = b
		if _, err := ParseProposal(p.Encode()); !errors.Is(err, ErrBatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b := full(wire.BatchUpdatesMax, wire.BatchBytesMax/wire.BatchUpdatesMax); b.Check() != nil || len(wire.Marshal(b)) > proposalBytesMax {
		t.Error("the largest batch does not pass")
	}
}
