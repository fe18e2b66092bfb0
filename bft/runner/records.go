package runner

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// Keys begin with 'r', what they hold, and the object. Values that are
// overwritten stay below kv.ValueSmallMax, where the store never loses both the
// old and the new one; larger ones are written once.
const (
	keyObject   = 'g' // → objectRecord, of the first format; written once
	keyState    = 's' // → stateRecord
	keyPrepared = 'p' // → certificate of prepares
	keyView     = 'n' // view → NewView; written once
	keyHead     = 'h' // → newest version, 8 bytes
	keyCommit   = 'c' // version → commit certificate; written once
	keyProposal = 'b' // version, decision → proposal; written once
	keyEvidence = 'v' // epoch, members named as bits → evidence; written once
)

const (
	objectFormat    = 1
	objectBytesMax  = bft.GenesisBytesMax + 256
	stateBytesMax   = 256
	newViewBytesMax = 64 << 10
)

var errRecord = errors.New("bad record")

// objectRecord is what the first format had in place of originRecord and
// memberRecord.
type objectRecord struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64
	Genesis bft.Genesis
	Root    wire.NodeHash // of version 0
	Seed    [32]byte      // of the ring key of epoch 1
}

// stateRecord is the part of bft.State that has no key of its own.
type stateRecord struct {
	_        struct{} `cbor:",toarray"`
	View     wire.View
	Changing bool
	Accepted *bft.Ballot
}

func key(kind byte, object wire.ObjectID, rest ...[]byte) []byte {
	k := make([]byte, 0, 2+len(object)+8+wire.HashSize)
	k = append(append(k, 'r', kind), object[:]...)
	for _, b := range rest {
		k = append(k, b...)
	}
	return k
}

func commitKey(object wire.ObjectID, v wire.Version) []byte {
	return key(keyCommit, object, wire.Uint64(uint64(v)))
}

func proposalKey(object wire.ObjectID, v wire.Version, id wire.VersionID) []byte {
	return key(keyProposal, object, wire.Uint64(uint64(v)), id[:])
}

func viewKey(object wire.ObjectID, v wire.View) []byte {
	return key(keyView, object, wire.Uint64(uint64(v)))
}

// get parses the value of a key; found is false if there is none.
func get[T any](r kv.Reader, k []byte, parse func([]byte) (T, error)) (v T, found bool, err error) {
	err = r.Get(k, func(b []byte) (err error) {
		v, err = parse(b)
		return err
	})
	if errors.Is(err, kv.ErrNotFound) {
		return v, false, nil
	}
	if err != nil {
		return v, false, fmt.Errorf("ring record %q: %w", k[:2], err)
	}
	return v, true, nil
}

// as returns a parser of canonical encodings.
func as[T any](max int) func([]byte) (T, error) {
	return func(b []byte) (v T, err error) { return v, wire.Unmarshal(b, &v, max) }
}

func getObject(r kv.Reader, object wire.ObjectID) (objectRecord, bool, error) {
	rec, found, err := get(r, key(keyObject, object), as[objectRecord](objectBytesMax))
	if err == nil && found && (rec.Format != objectFormat || rec.Genesis.Body.ObjectID() != object) {
		err = fmt.Errorf("%w: object %v, format %d", errRecord, object, rec.Format)
	}
	return rec, found, err
}

func getVersion(r kv.Reader, object wire.ObjectID) (wire.Version, error) {
	v, _, err := get(r, key(keyHead, object), func(b []byte) (wire.Version, error) {
		if len(b) != 8 {
			return 0, fmt.Errorf("%w: version of %d bytes", errRecord, len(b))
		}
		return wire.Version(binary.BigEndian.Uint64(b)), nil
	})
	return v, err
}

// getCommit returns the certificate of a version that is committed here; nil
// for version 0.
func getCommit(r kv.Reader, object wire.ObjectID, v wire.Version) (*bft.Certificate, error) {
	if v == 0 {
		return nil, nil
	}
	c, found, err := get(r, commitKey(object, v), bft.ParseCertificate)
	if err == nil && !found {
		err = fmt.Errorf("%w: certificate of version %d of %v is gone", errRecord, v, object)
	}
	return &c, err
}

// getSaved reads what a replica starts from. root is that of version 0, base the
// version that the epoch goes on from.
func getSaved(r kv.Reader, object wire.ObjectID, root wire.NodeHash, base wire.Version) (s bft.Saved, err error) {
	v, err := getVersion(r, object)
	if err != nil {
		return s, err
	}
	s.Root = root
	for _, at := range []wire.Version{base, v} {
		c, err := getCommit(r, object, at)
		switch {
		case err != nil:
			return s, err
		case c == nil:
		case at == base:
			s.Base, s.Root = &c.Decision, c.Decision.State
		default:
			s.Commit, s.Root = c, c.Decision.State
		}
	}
	if s.State, err = getState(r, object); err != nil {
		return s, err
	}
	prefix := key(keyProposal, object, wire.Uint64(uint64(v+1)))
	err = r.Scan(prefix, prefix, false, func(_, b []byte) (bool, error) {
		p, err := bft.ParseProposal(b)
		s.Proposals = append(s.Proposals, p)
		return true, err
	})
	return s, err
}

func getState(r kv.Reader, object wire.ObjectID) (s bft.State, err error) {
	rec, _, err := get(r, key(keyState, object), as[stateRecord](stateBytesMax))
	if err != nil {
		return s, err
	}
	s = bft.State{View: rec.View, Changing: rec.Changing, Accepted: rec.Accepted}
	prepared, found, err := get(r, key(keyPrepared, object), bft.ParseCertificate)
	if err != nil {
		return s, err
	}
	if found {
		s.Prepared = &prepared
	}
	view, found, err := get(r, viewKey(object, s.View), as[bft.NewView](newViewBytesMax))
	if found {
		s.NewView = &view
	}
	return s, err
}

// putState writes what differs from the state that was written last.
func putState(w kv.Writer, object wire.ObjectID, old, s bft.State) error {
	before, after := encodeState(old), encodeState(s)
	if !bytes.Equal(before, after) {
		if err := w.Set(key(keyState, object), after); err != nil {
			return err
		}
	}
	if old.Prepared != s.Prepared {
		if err := putPrepared(w, object, s.Prepared); err != nil {
			return err
		}
	}
	if old.NewView == s.NewView {
		return nil
	}
	if old.NewView != nil {
		if err := w.Delete(viewKey(object, old.View)); err != nil {
			return err
		}
	}
	if s.NewView != nil {
		return w.Set(viewKey(object, s.View), wire.Marshal(*s.NewView))
	}
	return nil
}

func encodeState(s bft.State) []byte {
	return wire.Marshal(stateRecord{View: s.View, Changing: s.Changing, Accepted: s.Accepted})
}

func putPrepared(w kv.Writer, object wire.ObjectID, c *bft.Certificate) error {
	if c == nil {
		return w.Delete(key(keyPrepared, object))
	}
	return w.Set(key(keyPrepared, object), c.Encode())
}

// putCommit makes a version the newest.
func putCommit(w kv.Writer, object wire.ObjectID, c bft.Certificate) error {
	v := c.Decision.Version
	if err := w.Set(commitKey(object, v), c.Encode()); err != nil {
		return err
	}
	return w.Set(key(keyHead, object), wire.Uint64(uint64(v)))
}

func putProposal(w kv.Writer, object wire.ObjectID, p bft.Proposal) error {
	return w.Set(proposalKey(object, p.Decision.Version, p.Decision.ID()), p.Encode())
}
