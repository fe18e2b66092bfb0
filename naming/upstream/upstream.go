// Package upstream asks ordinary DNS resolvers for names that are not Atoll's,
// keeps what they answer, and shares with other peers what DNSSEC proves.
//
// A Forwarder asks those that the configuration names, in their order, the ones
// that failed lately last; it checks that an answer fits the question, and asks
// over TCP what came truncated. A Sharer finds what proves an answer, and takes
// from other peers what they have proved: that alone is called secure. A Keeper
// remembers.
//
// It must never believe another peer without a proof, nor ask for a name that
// belongs to Atoll; the resolver sees to that.
package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming/resolver"
)

const (
	// ServersMax bounds the resolvers of a configuration.
	ServersMax = 8
	// tryTimeout is how long one of them may take, and failedFor how long it is
	// then asked last.
	tryTimeout = 2 * time.Second
	failedFor  = 30 * time.Second
	// ttlMax bounds for how long an answer is given, in seconds, and failureTTL
	// for how long it is remembered that there was none.
	ttlMax     = 24 * 3600
	failureTTL = 5 * time.Second
	// payloadMax is the largest answer over UDP, in bytes, that is not cut into
	// fragments on the way (DNS flag day 2020).
	payloadMax = 1232
)

// Forwarder asks resolvers. It is safe for concurrent use.
type Forwarder struct {
	now     func() time.Time
	servers []server

	mu     sync.Mutex
	failed map[int]time.Time // servers that did, and until when they are asked last
}

type server struct {
	addr string // host:port
	tls  *tls.Config
}

// New returns a forwarder to resolvers written as "192.0.2.53", "192.0.2.53:5353",
// "tls://192.0.2.53" or "tls://dns.example@192.0.2.53", where the name is what the
// certificate must be for.
func New(servers []string, now func() time.Time) (*Forwarder, error) {
	if len(servers) > ServersMax {
		return nil, fmt.Errorf("%d resolvers, at most %d may be named", len(servers), ServersMax)
	}
	f := &Forwarder{now: now, failed: make(map[int]time.Time)}
	for _, text := range servers {
		s, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("resolver %q: %w", text, err)
		}
		f.servers = append(f.servers, s)
	}
	return f, nil
}

func parse(text string) (s server, err error) {
	at, encrypted := strings.CutPrefix(text, "tls://")
	port := "53"
	if encrypted {
		port = "853"
		s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if name, rest, named := strings.Cut(at, "@"); named {
			s.tls.ServerName, at = name, rest
		}
	}
	host := at
	if h, p, err := net.SplitHostPort(at); err == nil {
		host, port = h, p
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return s, errors.New("not an address: a resolver's name could not be looked up")
	}
	if encrypted && s.tls.ServerName == "" {
		s.tls.ServerName = ip.String()
	}
	s.addr = net.JoinHostPort(ip.String(), port)
	return s, nil
}

// Exchange implements resolver.Upstream.
func (f *Forwarder) Exchange(ctx context.Context, name string, qtype uint16) resolver.Answer {
	var causes []string
	for _, i := range f.order() {
		r, err := f.servers[i].ask(ctx, name, qtype)
		if err == nil {
			f.note(i, time.Time{})
			return f.answer(r)
		}
		if ctx.Err() != nil {
			break
		}
		f.note(i, f.now().Add(failedFor))
		causes = append(causes, fmt.Sprintf("%s: %v", f.servers[i].addr, err))
	}
	until := f.now().Add(failureTTL)
	return resolver.Answer{
		Rcode: dns.RcodeServerFailure, Refresh: until, Until: until,
		Extra: &resolver.Extra{Code: dns.ExtendedErrorCodeNoReachableAuthority, Text: "no upstream resolver answers: " + strings.Join(causes, "; ")},
	}
}

// order lists the servers as configured, those that failed lately last.
func (f *Forwarder) order() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	order := make([]int, len(f.servers))
	for i := range order {
		order[i] = i
	}
	late := func(i int) int {
		if f.failed[i].After(now) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b int) int { return late(a) - late(b) })
	return order
}

func (f *Forwarder) note(i int, failedUntil time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed[i] = failedUntil
}

var errOther = errors.New("its answer is to another question")

// ask asks one server, over TCP if the answer does not fit a packet.
func (s server) ask(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.SetEdns0(payloadMax, true)
	ways := []string{"udp", "tcp"}
	if s.tls != nil {
		ways = []string{"tcp-tls"}
	}
	for _, way := range ways {
		client := dns.Client{Net: way, Timeout: tryTimeout, TLSConfig: s.tls, UDPSize: payloadMax}
		r, _, err := client.ExchangeContext(ctx, m, s.addr)
		switch {
		case err != nil:
			return nil, err
		case len(r.Question) != 1 || r.Question[0].Qtype != qtype || !strings.EqualFold(r.Question[0].Name, name):
			return nil, errOther
		case r.Rcode == dns.RcodeServerFailure || r.Rcode == dns.RcodeRefused:
			return nil, errors.New(dns.RcodeToString[r.Rcode])
		case !r.Truncated:
			return r, nil
		}
	}
	return nil, errors.New("its answer is truncated, over TCP too")
}

// answer makes it the resolver's: given for as long as the shortest time to live
// in it says.
func (f *Forwarder) answer(r *dns.Msg) resolver.Answer {
	ttl := uint32(ttlMax)
	for _, rr := range slices.Concat(r.Answer, r.Ns) {
		ttl = min(ttl, rr.Header().Ttl)
	}
	if len(r.Answer)+len(r.Ns) == 0 {
		ttl = uint32(failureTTL.Seconds())
	}
	now := f.now()
	until := now.Add(time.Duration(ttl) * time.Second)
	return resolver.Answer{
		Rcode: r.Rcode, Answer: r.Answer, Authority: r.Ns, Aging: true,
		Refresh: now.Add(time.Duration(ttl) * time.Second * 9 / 10), Until: until,
	}
}
