package runner

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// Keys of what says whose member this peer is. See records.go.
const (
	keyOrigin  = 'o' // → originRecord; written once
	keyMember  = 'k' // → memberRecord
	keyLink    = 'l' // epoch, ring certificate → link to it; written once
	keyEndorse = 'e' // epoch → owner's endorsement of the epoch's ring
)

const (
	originFormat    = 2
	memberFormat    = 1
	memberBytesMax  = 256
	linkBytesMax    = 4 << 10
	endorseBytesMax = 2 << 10
)

// originRecord is what an object begins with.
type originRecord struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64
	Genesis bft.Genesis
	Root    wire.NodeHash // of version 0
}

// memberRecord says which ring is the newest known, and this peer's part in it.
// The ring key lies here, with the log: without one there is no voting with the
// other.
type memberRecord struct {
	_      struct{} `cbor:",toarray"`
	Format uint64
	Epoch  wire.Epoch
	Ring   wire.RingCertID
	Base   wire.Version // that the epoch goes on from
	Member bool
	Seed   [32]byte // of this member's ring key; zero: not a member
}

// standing is all of it, as it is stored.
type standing struct {
	origin originRecord
	member memberRecord
	ring   bft.RingCert // the newest known
	old    bool         // it lies in the record of the first format
}

func linkKey(object wire.ObjectID, e wire.Epoch, id wire.RingCertID) []byte {
	return key(keyLink, object, wire.Uint64(uint64(e)), id[:])
}

func endorseKey(object wire.ObjectID, e wire.Epoch) []byte {
	return key(keyEndorse, object, wire.Uint64(uint64(e)))
}

// getStanding reads what this peer knows of an object; false if nothing.
func getStanding(r kv.Reader, object wire.ObjectID) (s standing, found bool, err error) {
	s.origin, found, err = get(r, key(keyOrigin, object), as[originRecord](objectBytesMax))
	if err != nil {
		return s, false, err
	}
	if !found {
		return getOldStanding(r, object)
	}
	if s.origin.Format != originFormat || s.origin.Genesis.Body.ObjectID() != object {
		return s, false, fmt.Errorf("%w: object %v, format %d", errRecord, object, s.origin.Format)
	}
	s.member, found, err = get(r, key(keyMember, object), as[memberRecord](memberBytesMax))
	if err == nil && !found {
		err = fmt.Errorf("%w: object %v has no member record", errRecord, object)
	}
	if err != nil {
		return s, false, err
	}
	s.ring, err = getRing(r, s.origin.Genesis.Body, s.member.Epoch, s.member.Ring)
	return s, err == nil, err
}

// getOldStanding reads the record of the first format, which knows epoch 1 only.
func getOldStanding(r kv.Reader, object wire.ObjectID) (s standing, found bool, err error) {
	rec, found, err := getObject(r, object)
	if !found || err != nil {
		return s, false, err
	}
	s.origin = originRecord{Format: originFormat, Genesis: rec.Genesis, Root: rec.Root}
	s.ring, s.old = rec.Genesis.Body.Ring(), true
	s.member = memberRecord{Format: memberFormat, Epoch: 1, Ring: s.ring.ID(), Member: true, Seed: rec.Seed}
	return s, true, nil
}

// getRing returns the certificate of a ring of the chain.
func getRing(r kv.Reader, g bft.GenesisBody, e wire.Epoch, id wire.RingCertID) (bft.RingCert, error) {
	if e == 1 {
		return g.Ring(), nil
	}
	object := g.ObjectID()
	l, found, err := getLink(r, object, e, id)
	if found || err != nil {
		return l.Ring, err
	}
	endorsed, found, err := get(r, endorseKey(object, e), as[bft.Endorsement](endorseBytesMax))
	if err == nil && (!found || endorsed.Ring.ID() != id) {
		err = fmt.Errorf("%w: ring of epoch %d of %v is gone", errRecord, e, object)
	}
	return endorsed.Ring, err
}

func getLink(r kv.Reader, object wire.ObjectID, e wire.Epoch, id wire.RingCertID) (bft.Link, bool, error) {
	return get(r, linkKey(object, e, id), as[bft.Link](linkBytesMax))
}

// putStanding writes the parts that a change of rings changes, and those that an
// object is stored with first.
func putStanding(w kv.Writer, s standing) error {
	object := s.ring.Object
	if err := w.Set(key(keyMember, object), wire.Marshal(s.member)); err != nil {
		return err
	}
	_, found, err := get(w, key(keyOrigin, object), as[originRecord](objectBytesMax))
	if err != nil || found {
		return err
	}
	return w.Set(key(keyOrigin, object), wire.Marshal(s.origin))
}

func putLink(w kv.Writer, l bft.Link) error {
	return w.Set(linkKey(l.Ring.Object, l.Ring.Epoch, l.Ring.ID()), wire.Marshal(l))
}

// eraseEpoch removes what a member must not forget while its epoch lasts, and
// must not find in the next.
func eraseEpoch(w kv.Writer, object wire.ObjectID) error {
	for _, k := range [][]byte{key(keyState, object), key(keyPrepared, object)} {
		if err := w.Delete(k); err != nil {
			return err
		}
	}
	return eraseAll(w, key(keyView, object))
}

func eraseAll(w kv.Writer, prefix []byte) error {
	var keys [][]byte
	err := w.Scan(prefix, prefix, true, func(k, _ []byte) (bool, error) {
		keys = append(keys, append([]byte(nil), k...))
		return true, nil
	})
	for _, k := range keys {
		err = errors.Join(err, w.Delete(k))
	}
	return err
}
