package dht

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	kb "github.com/libp2p/go-libp2p-kbucket"
	record "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/atollnet/atoll/internal/wire"
)

// sweepBytesPerSecond is what a sweep sends, all copies together: a hundred
// thousand records of 1 KB to twenty peers each take some twelve hours, and
// nobody notices.
const sweepBytesPerSecond = 48 << 10

// recordPause is how long a sweep waits after each record at least: where few peers
// are given all of them, they take no more.
const recordPause = time.Second / (givenPerSecond - 2)

// Ref names a record.
type Ref struct {
	Kind wire.RecordKind
	ID   wire.RecordID
}

// Sweep puts many records again, in the order of their keys, so that one lookup
// serves all that lie near each other: a round costs about a fifteenth of a
// lookup for each peer of the network, not one for each record. A record goes to
// the twenty peers that are nearest to a key beside its own; at least those of
// its own nearest are among them that share its region. value returns a record,
// or false to leave it out; put is told how many peers confirmed. It ends with
// the context's error, or nil when all are put.
func (d *DHT) Sweep(ctx context.Context, refs []Ref, value func(Ref) ([]byte, bool), put func(Ref, int)) error {
	return d.sweep(ctx, refs, value, func(r Ref, v []byte, peers []peer.ID) error {
		if len(peers) == 0 {
			return nil // the next sweep is soon
		}
		put(r, d.putEach(ctx, peers, record.MakePutRecord(recordKey(r.Kind, r.ID), v), d.putOfMany))
		if !sleep(ctx, max(time.Duration(len(v)*len(peers))*time.Second/sweepBytesPerSecond, recordPause)) {
			return ctx.Err()
		}
		return nil
	})
}

// sweep hands each record, and the peers that it is to go to, to put, in the order
// of the keys. Peers are none where nobody can be reached.
func (d *DHT) sweep(ctx context.Context, refs []Ref, value func(Ref) ([]byte, bool), put func(Ref, []byte, []peer.ID) error) error {
	var near region
	for _, t := range inOrder(refs) {
		v, ok := value(t.Ref)
		if !ok {
			continue
		}
		if !near.covers(t.at) {
			nearest, err := d.closest(ctx, recordKey(t.Kind, t.ID), everyone)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				nearest = nil
			}
			near = regionOf(t.at, nearest)
		}
		if err := put(t.Ref, v, near.peers); err != nil {
			return err
		}
	}
	return nil
}

// target is a record and where its key lies.
type target struct {
	Ref
	at kb.ID
}

// inOrder returns records in the order of their keys.
func inOrder(refs []Ref) []target {
	targets := make([]target, 0, len(refs))
	for _, r := range refs {
		targets = append(targets, target{r, kb.ConvertKey(recordKey(r.Kind, r.ID))})
	}
	slices.SortFunc(targets, func(a, b target) int { return bytes.Compare(a.at, b.at) })
	return targets
}

// region is a part of the key space and the peers nearest to one key in it.
type region struct {
	at    kb.ID
	bits  int // that keys of the region have in common
	peers []peer.ID
}

// regionOf returns the region around a key: all keys that are as close to it as
// all but the farthest of its nearest peers. Every peer that lies in the region
// itself is among them, for a peer outside is farther.
func regionOf(at kb.ID, nearest []peer.ID) region {
	r := region{at: at, peers: nearest}
	if len(nearest) == 0 {
		return r
	}
	least := slices.MinFunc(nearest, func(a, b peer.ID) int {
		return cmp.Compare(kb.CommonPrefixLen(at, kb.ConvertPeerID(a)), kb.CommonPrefixLen(at, kb.ConvertPeerID(b)))
	})
	r.bits = kb.CommonPrefixLen(at, kb.ConvertPeerID(least))
	if len(nearest) >= closestPeers {
		r.bits++
	} else {
		r.bits = 0 // these are all the peers that there are
	}
	return r
}

func (r region) covers(at kb.ID) bool {
	return r.at != nil && len(r.peers) > 0 && kb.CommonPrefixLen(r.at, at) >= r.bits
}
