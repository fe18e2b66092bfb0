package p2p

import (
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	userAgent       = "atoll"
	protocolVersion = "atoll/1"

	// streamWindowBytesMax bounds what a sender may have in flight on one
	// stream, so also what a slow reader makes this process hold. It is the
	// size of the largest share: with shares streaming to sixteen holders at
	// once it carries 640 MB/s over a round trip of 100 ms.
	streamWindowBytesMax = 4 << 20

	// dialTimeout bounds one dial, handshakes included; dialTimeoutLocal the
	// same within a private network. A peer that is stopped but not dead
	// accepts connections and then says nothing.
	dialTimeout      = 10 * time.Second
	dialTimeoutLocal = 5 * time.Second

	// addressesMax and addressesPerPeerMax bound the peerstore.
	addressesMax        = 32768
	addressesPerPeerMax = 16
)

func (c *Config) options(h *Host) ([]libp2p.Option, error) {
	key, err := privateKey(c.Key)
	if err != nil {
		return nil, err
	}
	listen, err := parseAddrs(c.Listen)
	if err != nil {
		return nil, err
	}
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.UserAgent(userAgent),
		libp2p.ProtocolVersion(protocolVersion),
		libp2p.ConnectionGater(&h.gate),
		libp2p.DisableMetrics(),
		libp2p.Ping(false),
	}
	if len(listen) == 0 {
		opts = append(opts, libp2p.NoListenAddrs)
	} else {
		opts = append(opts, libp2p.ListenAddrs(listen...))
	}
	bounds, err := c.Bounds.options()
	if err != nil {
		return nil, err
	}
	announce, err := c.announce()
	if err != nil {
		return nil, err
	}
	opts = append(opts, bounds...)
	opts = append(opts, announce...)
	opts = append(opts, transports()...)
	return append(opts, c.reachability(h)...), nil
}

// transports prefers TCP with TLS 1.3: moving a gigabyte costs it 1.0 CPU
// seconds, with its records gathered, Noise 2.2, QUIC 4.4.
func transports() []libp2p.Option {
	mux := *yamux.DefaultTransport
	mux.MaxStreamWindowSize = streamWindowBytesMax
	return []libp2p.Option{
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(quic.NewTransport),
		libp2p.Security(tls.ID, newTLS),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, &mux),
		libp2p.SwarmOpts(
			swarm.WithDialTimeout(dialTimeout),
			swarm.WithDialTimeoutLocal(dialTimeoutLocal),
			swarm.WithDialRanker(rank),
		),
	}
}

// rank dials TCP first and all else as libp2p does, a little later: libp2p's
// own order prefers QUIC, which costs three times the CPU per byte.
func rank(addrs []ma.Multiaddr) []network.AddrDelay {
	var fast, rest []ma.Multiaddr
	for _, a := range addrs {
		if isDirectTCP(a) {
			fast = append(fast, a)
		} else {
			rest = append(rest, a)
		}
	}
	ranked := swarm.DefaultDialRanker(fast)
	if len(fast) == 0 {
		return swarm.DefaultDialRanker(rest)
	}
	for _, d := range swarm.DefaultDialRanker(rest) {
		d.Delay += swarm.PublicTCPDelay
		ranked = append(ranked, d)
	}
	return ranked
}

func isDirectTCP(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_TCP)
	_, relayed := a.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil && relayed != nil
}

// reachability turns on what finds and opens ways to this peer.
func (c *Config) reachability(h *Host) []libp2p.Option {
	var opts []libp2p.Option
	if c.PortMap {
		opts = append(opts, libp2p.NATPortMap())
	}
	if c.AutoNAT {
		opts = append(opts, libp2p.EnableAutoNATv2(), libp2p.EnableNATService())
	} else {
		opts = append(opts, libp2p.ForceReachabilityPublic(), libp2p.DisableIdentifyAddressDiscovery())
	}
	if c.HolePunch {
		opts = append(opts, libp2p.EnableHolePunching())
	}
	if !c.Relay {
		return append(opts, libp2p.DisableRelay())
	}
	return append(opts, libp2p.EnableRelay(), libp2p.EnableRelayService(),
		libp2p.EnableAutoRelayWithPeerSource(h.relays))
}

// announce tells others the configured addresses instead of the found ones.
func (c *Config) announce() ([]libp2p.Option, error) {
	addrs, err := parseAddrs(c.Announce)
	if err != nil || len(addrs) == 0 {
		return nil, err
	}
	return []libp2p.Option{libp2p.AddrsFactory(func([]ma.Multiaddr) []ma.Multiaddr { return addrs })}, nil
}

// relays offers connected peers as relays; libp2p tries them and keeps those
// that serve.
func (h *Host) relays(ctx context.Context, num int) <-chan peer.AddrInfo {
	found := make(chan peer.AddrInfo, num)
	defer close(found)
	var self host.Host
	select {
	case <-h.ready:
		self = h.host
	default:
		return found
	}
	for _, p := range self.Network().Peers() {
		if len(found) == num || ctx.Err() != nil {
			break
		}
		found <- self.Peerstore().PeerInfo(p)
	}
	return found
}

// Bounds is what the network may take of the machine. A zero field takes its
// value from DefaultBounds.
type Bounds struct {
	ConnsLow, ConnsHigh int   // connections: above High, the least useful are closed down to Low
	MemoryBytes         int64 // most memory that streams may reserve, most of it never touched
}

// DefaultBounds suits a volunteer's machine in a network of ten thousand peers,
// and lets every peer of a network of fifty know every other. Each open stream
// reserves at least 256 KiB and touches as much as its reader leaves unread.
var DefaultBounds = Bounds{ConnsLow: 128, ConnsHigh: 192, MemoryBytes: 1 << 30}

func (b Bounds) complete() Bounds {
	if b.ConnsLow == 0 {
		b.ConnsLow = DefaultBounds.ConnsLow
	}
	if b.ConnsHigh == 0 {
		b.ConnsHigh = max(DefaultBounds.ConnsHigh, b.ConnsLow*3/2)
	}
	if b.MemoryBytes == 0 {
		b.MemoryBytes = DefaultBounds.MemoryBytes
	}
	return b
}

func (b Bounds) options() ([]libp2p.Option, error) {
	b = b.complete()
	conns, err := connmgr.NewConnManager(b.ConnsLow, b.ConnsHigh, connmgr.WithGracePeriod(30*time.Second))
	if err != nil {
		return nil, fmt.Errorf("p2p: connection manager: %w", err)
	}
	resources, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(b.resources()), rcmgr.WithMetricsDisabled())
	if err != nil {
		return nil, fmt.Errorf("p2p: resource manager: %w", err)
	}
	peers, err := pstoremem.NewPeerstore(pstoremem.WithMaxAddresses(addressesMax),
		pstoremem.WithMaxAddressesPerPeer(addressesPerPeerMax))
	if err != nil {
		return nil, fmt.Errorf("p2p: peerstore: %w", err)
	}
	return []libp2p.Option{
		libp2p.ConnectionManager(conns),
		libp2p.ResourceManager(resources),
		libp2p.Peerstore(peers),
	}, nil
}

// resources are hard limits; the token buckets and the connection manager act
// long before them. They do not grow with the machine: fifty peers may share
// one.
func (b Bounds) resources() rcmgr.ConcreteLimitConfig {
	conns, streams := 2*b.ConnsHigh, 64*b.ConnsHigh
	l := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&l)
	all := rcmgr.BaseLimit{
		Conns: conns, ConnsInbound: conns, ConnsOutbound: conns, FD: conns,
		Streams: streams, StreamsInbound: streams, StreamsOutbound: streams, Memory: b.MemoryBytes,
	}
	l.SystemBaseLimit = all
	l.TransientBaseLimit.Conns, l.TransientBaseLimit.ConnsInbound = b.ConnsHigh, b.ConnsHigh
	l.TransientBaseLimit.FD = b.ConnsHigh
	l.ProtocolBaseLimit = rcmgr.BaseLimit{Streams: streams, StreamsInbound: streams, StreamsOutbound: streams, Memory: b.MemoryBytes}
	l.ProtocolPeerBaseLimit = rcmgr.BaseLimit{Streams: 512, StreamsInbound: 256, StreamsOutbound: 256, Memory: b.MemoryBytes / 4}
	l.PeerBaseLimit = rcmgr.BaseLimit{
		Conns: 8, ConnsInbound: 8, ConnsOutbound: 8, FD: 8,
		Streams: 1024, StreamsInbound: 512, StreamsOutbound: 512, Memory: b.MemoryBytes / 4,
	}
	return l.Scale(0, 0)
}

func parseAddrs(texts []string) ([]ma.Multiaddr, error) {
	addrs := make([]ma.Multiaddr, 0, len(texts))
	for _, t := range texts {
		a, err := ma.NewMultiaddr(t)
		if err != nil {
			return nil, fmt.Errorf("p2p: address %q: %w", t, err)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}
