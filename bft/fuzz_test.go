package bft

import (
	"bytes"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func FuzzHead(f *testing.F) {
	b, err := chained().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	object := genesisOf(4).Body.ObjectID()
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHead(b)
		if err != nil {
			return
		}
		if again, err := h.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x, %v", b, again, err)
		}
		if v, err := h.Verify(object); err == nil && Compare(v, v) != 0 {
			t.Error("not itself")
		}
	})
}

func FuzzGenesis(f *testing.F) {
	f.Add(genesisOf(1).Encode())
	f.Add(genesisOf(4).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseGenesis(b)
		if err == nil && !bytes.Equal(g.Encode(), b) {
			t.Errorf("%x is written as %x", b, g.Encode())
		}
	})
}

func FuzzCertificate(f *testing.F) {
	r := genesisOf(4).Body.Ring()
	f.Add(sign(r, Commit, decisionOf(r, 1, wire.VersionID{}), 2, 0, 2, 3).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCertificate(b)
		if err != nil {
			return
		}
		if !bytes.Equal(c.Encode(), b) {
			t.Errorf("%x is written as %x", b, c.Encode())
		}
		_ = c.Verify(Commit, r) // whatever it says, it does not panic
	})
}

func FuzzProposal(f *testing.F) {
	batch := Batch{Updates: [][]byte{[]byte("a"), []byte("b")}, Outcomes: [][]byte{{1}, {}}}
	f.Add(Proposal{Decision: Decision{Version: 1, Outcomes: batch.Digest()}, Batch: batch}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProposal(b)
		if err == nil && !bytes.Equal(p.Encode(), b) {
			t.Errorf("%x is written as %x", b, p.Encode())
		}
	})
}

func FuzzMessage(f *testing.F) {
	r := genesisOf(4).Body.Ring()
	c := sign(r, Commit, decisionOf(r, 1, wire.VersionID{}), 2, 0, 2, 3)
	batch := Batch{Updates: [][]byte{[]byte("a")}, Outcomes: [][]byte{{1}}}
	p := Proposal{Decision: Decision{Version: 1, Outcomes: batch.Digest()}, Batch: batch}
	for _, m := range []Message{
		&Request{Update: []byte("a")}, &PrePrepare{View: 1, Proposal: p, Parent: &c}, &Vote{Kind: Commit, Version: 1}, &Suspect{View: 3},
		&ViewChange{Member: 1, View: 2, Commit: &c}, &NewView{View: 2, Changes: []ViewChange{{View: 2, Prepared: &c}}},
		&Progress{Version: 1}, &Announce{Commit: c}, &Fetch{Version: 1}, &Data{Proposal: p, Commit: &c},
	} {
		f.Add(EncodeMessage(r.Object, 1, m))
	}
	replica := func() *Replica {
		x, err := New(Config{Ring: r, Self: 0, Key: ringKey(1, 0)}, Saved{})
		if err != nil {
			f.Fatal(err)
		}
		return x
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		object, epoch, m, err := ParseMessage(b)
		if err != nil {
			return
		}
		if again := EncodeMessage(object, epoch, m); !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x", b, again)
		}
		for from := range 4 {
			replica().Step(0, Receive{From: from, Message: m}) // it does not panic
		}
	})
}
