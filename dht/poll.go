package dht

import (
	"bytes"
	"context"
	"sync"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

// judge tells good records from bad ones, and new ones from old ones.
type judge interface {
	// Validate reports why value is no record for the key.
	Validate(key string, value []byte) error
	// newer reports whether a is newer than b; both have passed Validate.
	newer(key string, a, b []byte) bool
}

// poll collects the answers of one lookup of a record.
type poll struct {
	dht   *DHT
	key   string
	judge judge

	mu    sync.Mutex
	best  []byte
	with  map[peer.ID]bool // who answered: whether with the best so far
	count int              // answers that held a record
}

func newPoll(d *DHT, key string, j judge) *poll {
	return &poll{dht: d, key: key, judge: j, with: map[peer.ID]bool{}}
}

// run asks this peer's own table, then the peers nearest to the key.
func (h *poll) run(ctx context.Context) (nearest []peer.ID, err error) {
	if rec, err := h.dht.held.Get(ctx, h.key); err == nil && rec != nil {
		h.offer(rec.GetValue())
	}
	return h.dht.walk(ctx, h.key, everyone, h.ask, h.enough)
}

func (h *poll) ask(ctx context.Context, p peer.ID) ([]*peer.AddrInfo, error) {
	answer, err := h.dht.messenger.SendRequest(ctx, p, pb.NewMessage(pb.Message_GET_VALUE, []byte(h.key), 0))
	if err != nil {
		return nil, err
	}
	value := answer.GetRecord().GetValue()
	valid := string(answer.GetRecord().GetKey()) == h.key && h.valid(value)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.with[p] = false
	if valid {
		h.count++
		h.with[p] = h.offerLocked(value)
	}
	return pb.PBPeersToPeerInfos(answer.GetCloserPeers()), nil
}

// valid judges a record. Most answers are copies of one record, whose signatures
// are checked once.
func (h *poll) valid(value []byte) bool {
	h.mu.Lock()
	known := h.best != nil && bytes.Equal(value, h.best)
	h.mu.Unlock()
	return known || h.judge.Validate(h.key, value) == nil
}

func (h *poll) offer(value []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.offerLocked(value)
}

// offerLocked takes a valid record into account and reports whether it is as new
// as the best one.
func (h *poll) offerLocked(value []byte) bool {
	switch {
	case h.best == nil || h.judge.newer(h.key, value, h.best):
		for p := range h.with {
			h.with[p] = false
		}
		h.best = value
		return true
	default:
		return !h.judge.newer(h.key, h.best, value)
	}
}

func (h *poll) enough() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count >= headQuorum
}

func (h *poll) result() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.best
}

// stale returns those of the peers, and of those that answered, whose answer was
// not the best record. (A walk that has enough ends before it has heard of all
// answers that were counted.)
func (h *poll) stale(nearest []peer.ID) []peer.ID {
	h.mu.Lock()
	defer h.mu.Unlock()
	var stale []peer.ID
	for p, hasBest := range h.with {
		if !hasBest {
			stale = append(stale, p)
		}
	}
	for _, p := range nearest {
		if _, answered := h.with[p]; !answered {
			stale = append(stale, p)
		}
	}
	return stale
}

// mend gives the newest record to near peers that lack it, in the background. If
// too much is being mended already, the next lookup will.
func (d *DHT) mend(stale []peer.ID, rec *recpb.Record) {
	if len(stale) == 0 {
		return
	}
	select {
	case d.repairs <- struct{}{}:
	default:
		return
	}
	d.tasks.Go(func(ctx context.Context) {
		defer func() { <-d.repairs }()
		ctx, cancel := context.WithTimeout(ctx, 2*rpcTimeout)
		defer cancel()
		d.putAll(ctx, stale, rec)
	})
}
