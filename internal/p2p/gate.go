package p2p

import (
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// gate is libp2p's connection gate: peers without an Ed25519 key are neither
// dialled nor admitted, and nobody is while the host is cut off.
type gate struct{ shut atomic.Bool }

func known(p peer.ID) bool {
	_, err := FromLibp2p(p)
	return err == nil
}

func (g *gate) open(p peer.ID) bool { return !g.shut.Load() && known(p) }

func (g *gate) InterceptPeerDial(p peer.ID) bool                 { return g.open(p) }
func (g *gate) InterceptAddrDial(p peer.ID, _ ma.Multiaddr) bool { return g.open(p) }
func (g *gate) InterceptAccept(network.ConnMultiaddrs) bool      { return !g.shut.Load() }
func (g *gate) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return g.open(p)
}
func (g *gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) {
	return !g.shut.Load(), 0
}

// CutOff takes the host off the network, as a broken cable does, or puts it back.
// It is for trials of what others do then.
func (h *Host) CutOff(off bool) {
	h.gate.shut.Store(off)
	if !off {
		return
	}
	for _, c := range h.host.Network().Conns() {
		c.Close()
	}
}
