package dht

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	kb "github.com/libp2p/go-libp2p-kbucket"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/atollnet/atoll/internal/p2p"
)

// acquaintedFor is how long what is known of other peers is not asked for again.
const acquaintedFor = 2 * time.Second

// acquaintances are the peers that are known to live, and where they lie.
type acquaintances struct {
	mu    sync.Mutex
	at    time.Time
	peers []acquaintance
}

type acquaintance struct {
	peer  peer.ID
	place kb.ID
}

// nearestKnown returns the peers nearest to a key of those that are known, nearest
// first. They are fewer than k where too few are known to say.
func (d *DHT) nearestKnown(key string, k int) []peer.ID {
	if d.config.Others == nil {
		return nil
	}
	type candidate struct {
		peer     peer.ID
		distance kb.ID
	}
	target := kb.ConvertKey(key)
	var near []candidate
	for _, a := range d.acquainted() {
		c := candidate{a.peer, kb.Xor(a.place, target)}
		at, _ := slices.BinarySearchFunc(near, c, func(a, b candidate) int { return bytes.Compare(a.distance, b.distance) })
		if at < k {
			near = slices.Insert(near[:min(len(near), k-1)], at, c)
		}
	}
	ids := make([]peer.ID, len(near))
	for i, c := range near {
		ids[i] = c.peer
	}
	return ids
}

func (d *DHT) acquainted() []acquaintance {
	now, a := time.Now(), &d.known
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.at) < acquaintedFor {
		return a.peers
	}
	peers := make([]acquaintance, 0, len(a.peers))
	for _, p := range d.config.Others() {
		id := p2p.ToLibp2p(p)
		if !d.suspects.has(id, now) {
			peers = append(peers, acquaintance{id, kb.ConvertPeerID(id)})
		}
	}
	a.at, a.peers = now, peers
	return peers
}

// give puts a record to the peers nearest to its key and returns how many
// confirmed. Where enough peers are known, those nearest of them are given it at
// once: somebody waits. Only if one of them does not confirm are the nearest
// looked for. To have nobody to give it to is no error.
func (d *DHT) give(ctx context.Context, rec *recpb.Record) (confirmed int, err error) {
	near := d.nearestKnown(string(rec.Key), closestPeers)
	if len(near) == closestPeers {
		if confirmed = d.putAll(ctx, near, rec); confirmed == closestPeers {
			return confirmed, nil
		}
	}
	more, err := d.spread(ctx, rec)
	return max(confirmed, more), err
}
