package runner

import (
	"errors"
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// forkOf is evidence that a ring of four has certified two first versions.
func forkOf(ring bft.RingCert) bft.Evidence {
	certify := func(time int64) bft.Certificate {
		c := bft.Certificate{Format: 1, Kind: bft.Commit, Decision: bft.Decision{
			Object: ring.Object, Epoch: ring.Epoch, Ring: ring.ID(), Version: 1, TimeUnixMilli: time,
		}}
		for i := range 3 {
			c.Signers |= 1 << i
			c.Signatures = append(c.Signatures, bft.SignVote(ringKey(i), bft.Commit, c.Ballot()))
		}
		return c
	}
	return bft.ForkEvidence(ring, certify(1), certify(2))
}

// Who is in no ring keeps what he is shown of it, if it shows anything, and no
// more than there is room for.
func TestEvidenceIsWitnessed(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stopAll()
	h := c.hosts[0]
	ring := newGenesis("witnessed", 4).Body.Ring()
	fork := forkOf(ring)
	if err := h.Witness(bft.ForkEvidence(ring, fork.Certificates[0], fork.Certificates[0])); !errors.Is(err, bft.ErrEvidence) {
		t.Errorf("what shows nothing: %v", err)
	}
	for range 2 {
		if err := h.Witness(fork); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := h.Evidence(ring.Object); err != nil || len(all) != 1 || len(all[0].Certificates) != 2 {
		t.Errorf("kept: %v, %v", all, err)
	}
	err := h.Store.Update(func(w kv.Writer) error {
		for i := range uint64(WitnessedMax) - 1 {
			if err := w.Set(key(keyEvidence, wire.ObjectID{1}, wire.Uint64(i)), []byte{1}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	other := newGenesis("one too many", 4).Body.Ring()
	if err := h.Witness(forkOf(other)); err != nil {
		t.Fatal(err)
	}
	if all, err := h.Evidence(other.Object); err != nil || len(all) != 0 {
		t.Errorf("kept although there is no room: %v, %v", all, err)
	}
}
