package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/atollnet/atoll/internal/tasks"
	"github.com/atollnet/atoll/internal/wire"
)

// ErrClosed is returned by a Host that is closing.
var ErrClosed = errors.New("the network is closed")

// Config says how a peer appears on the network. Only Key is needed; a peer
// that listens nowhere can still open streams.
type Config struct {
	Key      wire.Key
	Listen   []string // multiaddresses to listen on
	Announce []string // multiaddresses to tell others instead of the found ones

	MDNS      bool // find peers on the local network, and be found
	PortMap   bool // ask the router for a port (UPnP, NAT-PMP)
	AutoNAT   bool // learn from others whether this peer can be reached; otherwise it says that it can
	HolePunch bool // reach peers behind NATs directly
	Relay     bool // be reached through relays while not reachable otherwise, and relay for others

	Book   string // file that remembers peers over a restart; "" for none
	Bounds Bounds
	Log    *slog.Logger // nil: silent
}

// Host is a running network endpoint. All of its methods are safe for
// concurrent use.
type Host struct {
	log     *slog.Logger
	self    wire.PeerID
	host    host.Host
	gate    gate
	backoff *swarm.DialBackoff
	redial  *Buckets[peer.ID] // how often each peer's dial back-off may be cleared
	refused atomic.Uint64
	now     func() time.Time
	book    *book
	ready   chan struct{} // closed once host is set

	tasks *tasks.Group   // handlers and background work
	stop  []func() error // what Close closes before the libp2p host

	mu       sync.Mutex // guards what is below
	handlers map[string]Handler
}

// New starts a host. It fails if it can listen on none of its addresses.
func New(c Config) (*Host, error) {
	h := &Host{
		log:      c.Log,
		self:     wire.PeerID(c.Key.Public()),
		now:      time.Now,
		ready:    make(chan struct{}),
		handlers: map[string]Handler{},
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.redial = NewBuckets[peer.ID](Rate{PerSecond: 1, Burst: 1}, h.now)
	h.tasks = tasks.New()
	opts, err := c.options(h)
	if err != nil {
		h.tasks.Stop()
		return nil, err
	}
	if h.host, err = libp2p.New(opts...); err != nil {
		h.tasks.Stop()
		return nil, fmt.Errorf("p2p: start: %w", err)
	}
	close(h.ready)
	h.backoff = h.host.Network().(*swarm.Swarm).Backoff()
	if err := h.start(c); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// start brings up what works beside the libp2p host.
func (h *Host) start(c Config) error {
	if c.Book != "" {
		b, err := openBook(c.Book)
		if err != nil {
			return err
		}
		h.book = b
		for _, r := range b.Peers() {
			h.learn(r.Peer, r.Addresses)
		}
		h.keepBook()
	}
	if c.MDNS {
		return h.startMDNS()
	}
	return nil
}

// Close resets all streams, waits for all handlers and ends the host.
func (h *Host) Close() error {
	h.tasks.Stop()
	var errs []error
	for _, stop := range slices.Backward(h.stop) {
		errs = append(errs, stop())
	}
	errs = append(errs, h.host.Close())
	h.tasks.Wait()
	return errors.Join(errs...)
}

// Libp2p returns the libp2p host, for what other libraries need of it.
func (h *Host) Libp2p() host.Host { return h.host }

// Self returns the name of this peer.
func (h *Host) Self() wire.PeerID { return h.self }

// Refused returns how many streams were turned away because of limits.
func (h *Host) Refused() uint64 { return h.refused.Load() }

// Addresses returns the multiaddresses at which others reach this peer, each
// ending in its peer ID.
func (h *Host) Addresses() []string {
	suffix := "/p2p/" + h.self.String()
	var texts []string
	for _, a := range h.host.Addrs() {
		texts = append(texts, a.String()+suffix)
	}
	return texts
}

// Connected reports whether a connection to the peer is open now.
func (h *Host) Connected(p wire.PeerID) bool {
	return h.host.Network().Connectedness(ToLibp2p(p)) == network.Connected
}

// Connect connects to the peer that an invitation or a multiaddress ending in
// /p2p/PEER names, and returns who it is.
func (h *Host) Connect(ctx context.Context, to string) (wire.PeerID, error) {
	i, err := ParseInvite(to)
	if err != nil {
		return wire.PeerID{}, err
	}
	addrs, err := parseAddrs(i.Addresses)
	if err != nil {
		return wire.PeerID{}, err
	}
	id := ToLibp2p(i.Peer)
	h.unblock(id)
	if err := h.host.Connect(ctx, peer.AddrInfo{ID: id, Addrs: addrs}); err != nil {
		return i.Peer, fmt.Errorf("p2p: connect to %s: %w", i.Peer, err)
	}
	return i.Peer, nil
}

// Reach connects to a peer at the addresses that are known of it, unless a
// connection is open.
func (h *Host) Reach(ctx context.Context, p wire.PeerID) error {
	if err := h.host.Connect(ctx, peer.AddrInfo{ID: ToLibp2p(p)}); err != nil {
		return fmt.Errorf("p2p: connect to %s: %w", p, err)
	}
	return nil
}

// learnedTTL is how long an address stays known that nobody confirms.
const learnedTTL = 24 * time.Hour

// Learn notes the present addresses of a peer, as a source that can be trusted
// in that says: the peer itself, signed, or this peer's own memory. They
// replace what was known, and the peer may be dialled at once.
func (h *Host) Learn(p wire.PeerID, addrs []ma.Multiaddr) {
	id := ToLibp2p(p)
	if p == h.self || len(addrs) == 0 {
		return
	}
	if !h.Connected(p) {
		h.host.Peerstore().ClearAddrs(id)
		h.backoff.Clear(id)
	}
	h.host.Peerstore().AddAddrs(id, addrs, learnedTTL)
}

// learn is Learn for addresses in text form; what does not parse is left out.
func (h *Host) learn(p wire.PeerID, texts []string) {
	var addrs []ma.Multiaddr
	for _, t := range texts {
		if a, err := ma.NewMultiaddr(t); err == nil {
			addrs = append(addrs, a)
		}
	}
	h.Learn(p, addrs)
}

// Remembered returns the peers that the address book held at the start, the
// most recently met first.
func (h *Host) Remembered() []wire.PeerID {
	if h.book == nil {
		return nil
	}
	return h.book.loaded
}
