package p2p

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

const (
	mdnsService = "_atoll._udp"
	// mdnsDialsMax bounds how many found peers are dialled at the same time;
	// those above it are met at their next announcement.
	mdnsDialsMax    = 8
	mdnsDialTimeout = 5 * time.Second
)

// neighbours connects to the peers that mDNS finds. Connecting is all: the
// parts above learn of new connections from libp2p.
type neighbours struct {
	h     *Host
	slots chan struct{}
}

func (h *Host) startMDNS() error {
	s := mdns.NewMdnsService(h.host, mdnsService, &neighbours{h, make(chan struct{}, mdnsDialsMax)})
	if err := s.Start(); err != nil {
		return fmt.Errorf("p2p: local discovery: %w", err)
	}
	h.stop = append(h.stop, s.Close)
	return nil
}

// HandlePeerFound is called by the library, for each announcement it hears.
func (n *neighbours) HandlePeerFound(found peer.AddrInfo) {
	select {
	case n.slots <- struct{}{}:
	default:
		return
	}
	if !n.h.tasks.Begin() {
		return
	}
	go func() {
		defer n.h.tasks.Done()
		defer func() { <-n.slots }()
		ctx, cancel := context.WithTimeout(n.h.tasks.Context(), mdnsDialTimeout)
		defer cancel()
		if err := n.h.host.Connect(ctx, found); err != nil {
			n.h.log.Debug("found a peer that does not answer", "peer", found.ID, "error", err)
		}
	}()
}
