package p2p

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/atollnet/atoll/internal/wire"
)

func TestFoundNeighboursAreConnected(t *testing.T) {
	a, b := start(t, listen(1)), start(t, listen(2))
	met := make(chan peer.ID, 1)
	a.Libp2p().Network().Notify(&network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) { met <- c.RemotePeer() }})
	n := &neighbours{a, make(chan struct{}, mdnsDialsMax)}
	n.HandlePeerFound(peer.AddrInfo{ID: b.Libp2p().ID(), Addrs: b.Libp2p().Addrs()})
	if got := <-met; got != b.Libp2p().ID() {
		t.Errorf("connected to %s", got)
	}
	// A flood of announcements is dialled a few at a time, the rest dropped.
	n = &neighbours{a, make(chan struct{}, mdnsDialsMax)}
	for range mdnsDialsMax {
		n.slots <- struct{}{}
	}
	for i := range 100 {
		n.HandlePeerFound(peer.AddrInfo{ID: ToLibp2p(wire.PeerID{byte(i)}), Addrs: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/1")}})
	}
	if len(n.slots) != mdnsDialsMax {
		t.Errorf("%d dials at a time, limit %d", len(n.slots), mdnsDialsMax)
	}
}
