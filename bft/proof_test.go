package bft

import (
	"errors"
	"fmt"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func TestProofOfAnEarlierVersion(t *testing.T) {
	h := chained()
	h.Hint = []byte("where archives lie")
	object := h.Genesis.Body.ObjectID()
	rings := []RingCert{h.Genesis.Body.Ring(), h.Links[0].Ring, h.Links[1].Ring}
	first := sign(rings[0], Commit, decisionOf(rings[0], 2, wire.VersionID{1}), 0, 0, 1, 2)
	second := sign(rings[1], Commit, decisionOf(rings[1], 5, wire.VersionID{4}), 0, 0, 1, 2)
	for name, c := range map[string]struct {
		certificate *Certificate
		version     wire.Version
		epoch       wire.Epoch
	}{
		"version 0":           {nil, 0, 1},
		"of the first ring":   {&first, 2, 1},
		"that ends an epoch":  {h.Links[0].Commit, 3, 1},
		"of the second ring":  {&second, 5, 2},
		"of the present ring": {h.Commit, 8, 3},
	} {
		proof, err := h.At(c.certificate)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v, err := proof.Verify(object)
		if err != nil || v.Decision.Version != c.version || v.Epoch != c.epoch || len(proof.Hint) > 0 {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}

	endorsement := Endorse(owner, rings[1], 0)
	later := Head{Format: headFormat, Genesis: h.Genesis, Base: &endorsement, Links: h.Links[1:], Commit: h.Commit}
	if _, err := later.At(&first); !errors.Is(err, ErrHead) {
		t.Errorf("a version before the chain: %v", err)
	}
	proof, err := later.At(&second)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := proof.Verify(object); err != nil || v.Decision.Version != 5 {
		t.Errorf("a version of the endorsed ring: %+v, %v", v, err)
	}
	// A certificate of another ring is not made to fit.
	foreign := first
	foreign.Decision.Epoch = 2
	if proof, err = h.At(&foreign); err == nil {
		_, err = proof.Verify(object)
	}
	if !errors.Is(err, ErrHead) {
		t.Errorf("a certificate of another epoch: %v", err)
	}
}

// chainOf returns a head in which a ring of four has been replaced so many
// times.
func chainOf(epochs int) Head {
	g := genesisOf(4)
	ring, h, version, previous := g.Body.Ring(), NewHead(g, nil), wire.Version(0), wire.VersionID{}
	for range epochs {
		d := decisionOf(ring, version+1, previous)
		after := next(ring, 4)
		d.NextRing = after.ID()
		c := sign(ring, Commit, d, 0, 0, 1, 2)
		h.Links = append(h.Links, Link{Ring: after, Commit: &c})
		ring, version, previous = after, d.Version, d.ID()
	}
	c := sign(ring, Commit, decisionOf(ring, version+1, previous), 0, 0, 1, 2)
	h.Commit = &c
	return h
}

// BenchmarkVerify checks a proof offline, from its bytes to what it proves.
// One signature is measured in the same run, since a busy machine changes both.
func BenchmarkVerify(b *testing.B) {
	k, body := key(1), make([]byte, 40)
	signature := k.Sign(TagCommit, body)
	b.Run("signature", func(b *testing.B) {
		for b.Loop() {
			if err := k.Public().Verify(TagCommit, body, signature); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, epochs := range []int{0, 1, 10} {
		h := chainOf(epochs)
		encoded, err := h.Encode()
		if err != nil {
			b.Fatal(err)
		}
		object := h.Genesis.Body.ObjectID()
		b.Run(fmt.Sprintf("epochs=%d", epochs), func(b *testing.B) {
			for b.Loop() {
				h, err := ParseHead(encoded)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := h.Verify(object); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
