package dht

import (
	"context"
	"errors"
	"fmt"
	"time"

	kad "github.com/libp2p/go-libp2p-kad-dht"
	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p-kbucket/peerdiversity"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// meetsMax bounds the peers that wait to be tried for the routing table;
	// those above it are met in lookups. meetsAtOnce are tried together.
	meetsMax    = 256
	meetsAtOnce = 4
	// readyPoll is how often Ready looks for the first peer.
	readyPoll = 50 * time.Millisecond
)

// Closest returns the peers nearest to a key that answer now, nearest first, at
// most 20.
func (d *DHT) Closest(ctx context.Context, key []byte) ([]wire.PeerID, error) {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	ids, err := d.closest(ctx, string(key), everyone)
	return fromLibp2p(ids), err
}

func (d *DHT) closest(ctx context.Context, key string, r reach) ([]peer.ID, error) {
	return d.walk(ctx, key, r, func(ctx context.Context, p peer.ID) ([]*peer.AddrInfo, error) {
		return d.findNode(ctx, p, key)
	}, nil)
}

func (d *DHT) findNode(ctx context.Context, p peer.ID, key string) ([]*peer.AddrInfo, error) {
	answer, err := d.messenger.SendRequest(ctx, p, pb.NewMessage(pb.Message_FIND_NODE, []byte(key), 0))
	if err != nil {
		return nil, err
	}
	return pb.PBPeersToPeerInfos(answer.GetCloserPeers()), nil
}

// Meet says that a peer is there: it is tried for the routing table in the
// background, and asked again if it was late.
func (d *DHT) Meet(p wire.PeerID) {
	id := p2p.ToLibp2p(p)
	d.suspects.clear(id)
	select {
	case d.meets <- id:
	default:
	}
}

// meet tries those that were met.
func (d *DHT) meet(ctx context.Context) {
	for range meetsAtOnce {
		d.tasks.Go(func(context.Context) {
			for {
				select {
				case p := <-d.meets:
					d.try(ctx, p)
				case <-ctx.Done():
					return
				}
			}
		})
	}
}

// try adds p to the routing table if there is a place for it and it answers.
func (d *DHT) try(ctx context.Context, p peer.ID) {
	table := d.kad.RoutingTable()
	if p == d.id || !table.UsefulNewPeer(p) {
		return
	}
	if _, err := d.findNode(ctx, p, string(d.id)); err == nil {
		table.TryAddPeer(p, true, false)
	}
}

// RoutingTableSize returns how many peers the routing table holds.
func (d *DHT) RoutingTableSize() int { return d.kad.RoutingTable().Size() }

// Peers returns the peers of the routing table.
func (d *DHT) Peers() []wire.PeerID {
	return fromLibp2p(d.kad.RoutingTable().ListPeers())
}

func fromLibp2p(ids []peer.ID) []wire.PeerID {
	peers := make([]wire.PeerID, 0, len(ids))
	for _, id := range ids {
		if p, err := p2p.FromLibp2p(id); err == nil { // others do not get in
			peers = append(peers, p)
		}
	}
	return peers
}

// Ready returns once this peer has found others and has looked for its own
// neighbours among them. A peer that is alone waits until the context ends.
func (d *DHT) Ready(ctx context.Context) error {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		_, err := d.closest(ctx, string(d.id), everyone)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errNoPeers) {
			return fmt.Errorf("dht: join: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("dht: join: %w", ctx.Err())
		}
	}
}

// diversity is the library's filter of address groups, with private addresses
// left out: all peers of one household share a group.
type diversity struct {
	peerdiversity.PeerIPGroupFilter
	host host.Host
}

func newDiversity(h host.Host) diversity {
	return diversity{kad.NewRTPeerDiversityFilter(h, maxPerBucket, maxPerTable), h}
}

// Allow reports whether a peer may enter the routing table.
func (d diversity) Allow(g peerdiversity.PeerGroupInfo) bool {
	for _, c := range d.host.Network().ConnsToPeer(g.Id) {
		if manet.IsPrivateAddr(c.RemoteMultiaddr()) {
			return true
		}
	}
	return d.PeerIPGroupFilter.Allow(g)
}
