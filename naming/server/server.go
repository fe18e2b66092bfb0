package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/atollnet/atoll/internal/rate"
	"github.com/atollnet/atoll/naming/resolver"
)

// Resolver says what the answers are.
type Resolver interface {
	Resolve(ctx context.Context, name string, qtype uint16) resolver.Answer
	// Refresh is Resolve for an answer that is kept and growing old: it takes
	// the time to find a newer one.
	Refresh(ctx context.Context, name string, qtype uint16) resolver.Answer
}

// Config says where and how to answer. Resolver and Now are needed.
type Config struct {
	Resolver Resolver
	Now      func() time.Time
	DNS      string // host:port for UDP and TCP; "" for none
	DoT, DoH string // host:port; "" for none
	TLS      *tls.Config
	// Sockets is how many UDP sockets share the port; 0: one for each two
	// cores.
	Sockets int
	// PerSource is how many questions a second one source outside of this
	// machine may ask (an IPv4 address, or an IPv6 /64).
	PerSource int
	Log       *slog.Logger // nil: silent
}

// Limits of what clients may ask for.
const (
	// slowMax bounds the questions that are being looked up at one time, and
	// slowPerSource how many a second one source may ask, this machine's
	// programs included.
	slowMax       = 1024
	slowPerSource = 500
	slowBurst     = 2000
	perSource     = 200
	burstSeconds  = 2
)

// Server answers DNS clients.
type Server struct {
	config  Config
	log     *slog.Logger
	cache   *cache
	cookies *cookies
	hits    *rate.Buckets[netip.Prefix]
	misses  *rate.Buckets[netip.Prefix]
	slow    chan struct{}

	udp  []*net.UDPConn
	tcp  net.Listener
	dot  net.Listener
	doh  net.Listener
	addr Addresses

	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	closed bool
	tasks  sync.WaitGroup
}

// Addresses are where a server answers, host:port; "" where it does not.
type Addresses struct{ DNS, DoT, DoH string }

// Listen opens the sockets. Run serves them, and closes them.
func Listen(c Config) (*Server, error) {
	s := &Server{config: c, log: c.Log, cache: newCache(), cookies: newCookies(c.Now), slow: make(chan struct{}, slowMax)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	per := c.PerSource
	if per <= 0 {
		per = perSource
	}
	s.hits = rate.NewBuckets[netip.Prefix](rate.Rate{PerSecond: float64(per), Burst: per * burstSeconds}, c.Now)
	s.misses = rate.NewBuckets[netip.Prefix](rate.Rate{PerSecond: slowPerSource, Burst: slowBurst}, c.Now)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.open(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open() (err error) {
	if s.config.DNS != "" {
		if err := s.openDNS(); err != nil {
			return err
		}
	}
	for _, l := range []struct {
		at   string
		into *net.Listener
		name *string
		what string
	}{{s.config.DoT, &s.dot, &s.addr.DoT, "DNS over TLS"}, {s.config.DoH, &s.doh, &s.addr.DoH, "DNS over HTTPS"}} {
		if l.at == "" {
			continue
		}
		if *l.into, err = net.Listen("tcp", l.at); err != nil {
			return fmt.Errorf("listen for %s: %w", l.what, err)
		}
		*l.name = (*l.into).Addr().String()
	}
	return nil
}

// openDNS opens the same port for TCP and UDP.
func (s *Server) openDNS() (err error) {
	if s.tcp, err = net.Listen("tcp", s.config.DNS); err != nil {
		return fmt.Errorf("listen for DNS: %w", err)
	}
	s.addr.DNS = s.tcp.Addr().String()
	s.udp, err = openUDP(s.addr.DNS, s.config.Sockets)
	if err != nil {
		return fmt.Errorf("listen for DNS: %w", err)
	}
	return nil
}

// Addresses returns where the server answers.
func (s *Server) Addresses() Addresses { return s.addr }

// Run answers until the context ends, and returns when all is closed.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range s.udp {
		group.Go(func() error { return s.serveUDP(c) })
	}
	if s.tcp != nil {
		group.Go(func() error { return s.serveStreams(s.tcp) })
	}
	if s.dot != nil {
		group.Go(func() error { return s.serveStreams(tls.NewListener(s.dot, s.streamTLS("dot"))) })
	}
	if s.doh != nil {
		group.Go(func() error { return s.serveHTTP(s.doh) })
	}
	group.Go(func() error {
		<-ctx.Done()
		s.close()
		return nil
	})
	err := group.Wait()
	s.tasks.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (s *Server) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	for _, c := range s.udp {
		c.Close()
	}
	for _, l := range []net.Listener{s.tcp, s.dot, s.doh} {
		if l != nil {
			l.Close()
		}
	}
}

// Close ends a server that Run was not called for.
func (s *Server) Close() { s.close() }

// go_ runs f in the background; it reports false when the server closes.
func (s *Server) begin(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.tasks.Go(f)
	return true
}

// later runs f in the background unless too much runs there already.
func (s *Server) later(f func(context.Context)) bool {
	select {
	case s.slow <- struct{}{}:
	default:
		return false
	}
	if !s.begin(func() {
		defer func() { <-s.slow }()
		f(s.ctx)
	}) {
		<-s.slow
		return false
	}
	return true
}

// source is what limits are counted by: an address, or the network that one
// subscriber has.
func source(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
