package dht

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// providerReplicas is how many peers are told who holds an extent. Fewer
	// than a head's twenty: a lookup still asks twenty, one of eight is left
	// in all but one of 6,000 cases when a third of the peers are lost, and
	// the advertisements of a full disk are the DHT's main load.
	providerReplicas = 8
	// providerValidity is how long a provider record counts; the advertiser
	// renews it four times as often. providerAddrTTL is the same for the
	// provider's addresses.
	providerValidity = 48 * time.Hour
	providerAddrTTL  = 24 * time.Hour
)

// providerKey is the key of an extent's provider records: its hash as a
// multihash, so that other tools can name it.
func providerKey(extent wire.ExtentID) string {
	return string([]byte{multihash.BLAKE3, wire.HashSize}) + string(extent[:])
}

// Provide tells the peers nearest to the extent that this peer holds shares of
// it. That there is no other peer is no error.
func (d *DHT) Provide(ctx context.Context, extent wire.ExtentID) error {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	key := providerKey(extent)
	nearest, err := d.closest(ctx, key, someone)
	if errors.Is(err, errNoPeers) {
		return nil
	}
	if err != nil && len(nearest) == 0 {
		return fmt.Errorf("dht: provide %s: %w", extent, err)
	}
	self := d.host.Libp2p()
	q := pb.NewMessage(pb.Message_ADD_PROVIDER, []byte(key), 0)
	q.ProviderPeers = pb.RawPeerInfosToPBPeers([]peer.AddrInfo{{ID: self.ID(), Addrs: self.Addrs()}})
	told := 0
	for _, p := range nearest {
		if told == providerReplicas {
			break
		}
		if err = d.messenger.SendMessage(ctx, p, q); err == nil {
			told++
		}
	}
	if told == 0 {
		return fmt.Errorf("dht: provide %s: nobody took the record: %w", extent, err)
	}
	return nil
}

// Providers returns up to max peers that say that they hold shares of the
// extent, this one left out. Whether they do, only asking them shows. None is
// no error.
func (d *DHT) Providers(ctx context.Context, extent wire.ExtentID, max int) ([]wire.PeerID, error) {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	poll := &providerPoll{dht: d, key: providerKey(extent), max: max, seen: map[wire.PeerID]bool{}}
	if known, err := d.kad.ProviderStore().GetProviders(ctx, []byte(poll.key)); err == nil {
		for i := range known {
			poll.add(&known[i])
		}
	}
	_, err := d.walk(ctx, poll.key, everyone, poll.ask, poll.enough)
	poll.mu.Lock()
	defer poll.mu.Unlock()
	if len(poll.found) == 0 && err != nil && !errors.Is(err, errNoPeers) {
		return nil, fmt.Errorf("dht: providers of %s: %w", extent, err)
	}
	return poll.found, nil
}

// providerPoll collects the answers of one lookup of providers.
type providerPoll struct {
	dht *DHT
	key string
	max int

	mu    sync.Mutex
	seen  map[wire.PeerID]bool
	found []wire.PeerID
}

func (h *providerPoll) ask(ctx context.Context, p peer.ID) ([]*peer.AddrInfo, error) {
	answer, err := h.dht.messenger.SendRequest(ctx, p, pb.NewMessage(pb.Message_GET_PROVIDERS, []byte(h.key), 0))
	if err != nil {
		return nil, err
	}
	for _, info := range pb.PBPeersToPeerInfos(answer.GetProviderPeers()) {
		h.add(info)
	}
	return pb.PBPeersToPeerInfos(answer.GetCloserPeers()), nil
}

func (h *providerPoll) add(info *peer.AddrInfo) {
	p, err := p2p.FromLibp2p(info.ID)
	if err != nil || p == h.dht.host.Self() {
		return
	}
	h.dht.note(info)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.seen[p] && len(h.found) < h.max {
		h.seen[p] = true
		h.found = append(h.found, p)
	}
}

func (h *providerPoll) enough() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.found) >= h.max
}
