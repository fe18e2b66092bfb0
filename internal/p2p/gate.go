package p2p

import (
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// gate is libp2p's connection gate: peers without an Ed25519 key are neither
// dialled nor admitted.
type gate struct{}

func known(p peer.ID) bool {
	_, err := FromLibp2p(p)
	return err == nil
}

func (gate) InterceptPeerDial(p peer.ID) bool                 { return known(p) }
func (gate) InterceptAddrDial(p peer.ID, _ ma.Multiaddr) bool { return known(p) }
func (gate) InterceptAccept(network.ConnMultiaddrs) bool      { return true }
func (gate) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return known(p)
}
func (gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
