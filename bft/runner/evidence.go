package runner

import (
	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// EvidenceMax is how many pieces of evidence a member keeps of one object, at
// most bft.EvidenceBytesMax bytes each: more than there are members of some rings
// after each other that all lie.
const EvidenceMax = 64

// Evidence returns what this member has seen others of the object's rings lie
// about, in the order of epochs.
func (h *Host) Evidence(object wire.ObjectID) (all []bft.Evidence, err error) {
	prefix := key(keyEvidence, object)
	err = h.Store.View(func(r kv.Reader) error {
		return r.Scan(prefix, prefix, false, func(_, b []byte) (bool, error) {
			e, err := bft.ParseEvidence(b)
			all = append(all, e)
			return true, err
		})
	})
	return all, err
}

// WitnessedMax is how many pieces of evidence a peer keeps in all, when some are of
// rings that it is not in.
const WitnessedMax = 4096

// Witness keeps evidence about a ring, whether this peer is in it or not, as long
// as there is room. The error matches bft.ErrEvidence if it shows nothing.
func (h *Host) Witness(e bft.Evidence) error {
	return h.Store.Update(func(w kv.Writer) error {
		kept := 0
		prefix := []byte{'r', keyEvidence}
		err := w.Scan(prefix, prefix, true, func(_, _ []byte) (bool, error) {
			kept++
			return kept < WitnessedMax, nil
		})
		if err != nil || kept >= WitnessedMax {
			return err
		}
		return putEvidence(w, e)
	})
}

// putEvidence keeps the first evidence that names those members of that ring, as
// long as there is room.
func putEvidence(w kv.Writer, e bft.Evidence) error {
	g, err := e.Verify()
	if err != nil {
		return err
	}
	k := evidenceKey(e.Ring, g)
	_, found, err := get(w, k, bft.ParseEvidence)
	if err != nil || found {
		return err
	}
	kept := 0
	prefix := key(keyEvidence, e.Ring.Object)
	err = w.Scan(prefix, prefix, true, func(_, _ []byte) (bool, error) {
		kept++
		return true, nil
	})
	if err != nil || kept >= EvidenceMax {
		return err
	}
	return w.Set(k, e.Encode())
}

func evidenceKey(ring bft.RingCert, g bft.Guilty) []byte {
	return key(keyEvidence, ring.Object, wire.Uint64(uint64(ring.Epoch)), wire.Uint64(uint64(g.Members)))
}
