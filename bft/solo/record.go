package solo

import (
	"errors"
	"fmt"
	"slices"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// Keys in the local store:
//
//	r · g · object            record
//	r · c · object            the newest commit certificate
//	r · u · object · version  the batch that made a version, kept for replay
var (
	recordPrefix      = []byte("rg")
	certificatePrefix = []byte("rc")
	batchPrefix       = []byte("ru")
)

func recordKey(id wire.ObjectID) []byte      { return slices.Concat(recordPrefix, id[:]) }
func certificateKey(id wire.ObjectID) []byte { return slices.Concat(certificatePrefix, id[:]) }
func batchKey(id wire.ObjectID, v wire.Version) []byte {
	return slices.Concat(batchPrefix, id[:], wire.Uint64(uint64(v)))
}

// record is what never changes of an object.
type record struct {
	_       struct{} `cbor:",toarray"`
	Genesis bft.Genesis
	Seed    [32]byte      // of the member's key
	Root    wire.NodeHash // of version 0
}

// recordBytesMax bounds our own record: a genesis and what stands beside it.
const recordBytesMax = bft.GenesisBytesMax + 128

// load reads an object. What is not what this package wrote is damage.
func load(store kv.Store, id wire.ObjectID) (*object, error) {
	o := &object{id: id}
	err := store.View(func(r kv.Reader) error {
		var rec record
		if err := r.Get(recordKey(id), func(b []byte) error { return wire.Unmarshal(b, &rec, recordBytesMax) }); err != nil {
			return err
		}
		o.genesis, o.key, o.ring = rec.Genesis, wire.NewKey(rec.Seed), rec.Genesis.Body.Ring()
		o.state = State{Root: rec.Root}
		err := r.Get(certificateKey(id), o.resume)
		if errors.Is(err, kv.ErrNotFound) {
			return nil // nothing is decided yet
		}
		return err
	})
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return nil, ErrUnknownObject
	case err != nil:
		return nil, fmt.Errorf("ring of object %v: %w", id, err)
	}
	return o, nil
}

// resume takes up an object at its newest certificate.
func (o *object) resume(b []byte) error {
	c, err := bft.ParseCertificate(b)
	if err != nil {
		return err
	}
	if err := c.Verify(bft.Commit, o.ring); err != nil {
		return err
	}
	o.commit = &c
	o.state = State{Version: c.Decision.Version, Root: c.Decision.State}
	return nil
}
