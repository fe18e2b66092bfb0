package node

import (
	"context"
	"time"

	"github.com/atollnet/atoll/dht"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/census"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/store"
	"github.com/atollnet/atoll/objects/transfer"
)

// providersMax is how many holders are asked for from the DHT at once.
const providersMax = 64

// space is what this peer tells others of its room.
func (n *Node) space() census.Space {
	u := n.shares.Usage()
	return census.Space{FreeBytes: n.freeBytes(), QuotaBytes: u.QuotaBytes}
}

// Candidates returns the peers that could hold shares, this one included.
func (n *Node) Candidates() []plan.Candidate {
	all := []plan.Candidate{{Peer: n.host.Self(), FreeBytes: n.freeBytes()}}
	for _, i := range n.census.Candidates() {
		all = append(all, plan.Candidate{Peer: i.Peer, Group: i.Group, FreeBytes: i.FreeBytes, RTTMicros: i.RTT.Microseconds()})
	}
	return all
}

// live returns how many other peers are known and answer, full ones among them.
func (n *Node) live() (others int) {
	for _, i := range n.census.Known() {
		if !i.Suspect {
			others++
		}
	}
	return others
}

// others returns the other peers that answer, none before the census has begun.
func (n *Node) others() (peers []wire.PeerID) {
	if c := n.company.Load(); c != nil {
		peers = c.Live()
	}
	return peers
}

// alone reports whether this peer knows no other.
func (n *Node) alone() bool { return n.live() == 0 }

// locate finds holders of an extent through the DHT.
func (n *Node) locate(ctx context.Context, extent wire.ExtentID) ([]wire.PeerID, error) {
	peers, err := n.dht.Providers(ctx, extent, providersMax)
	return append(peers, n.host.Self()), err // the DHT leaves this peer out
}

// holder is the store as package transfer sees it. It tells the network what
// it took.
type holder struct {
	*store.Shares
	dht  *dht.DHT
	free func() uint64
}

func (h holder) Put(in transfer.Incoming) error {
	err := h.Shares.Put(store.Incoming(in))
	if err == nil {
		h.dht.Announce(in.Manifest.ID())
	}
	return err
}

func (h holder) FreeBytes() uint64 { return h.free() }

// distance is the round trip to a peer, as the census measured it.
func (n *Node) distance(peer wire.PeerID) (time.Duration, bool) {
	i, known := n.census.Lookup(peer)
	return i.RTT, known && i.RTT > 0
}
