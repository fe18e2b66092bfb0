package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming/resolver"
)

// book answers from a few names, and counts the questions.
type book struct {
	asked atomic.Int64
	wait  chan struct{} // not nil: answers wait for it
}

func (b *book) Refresh(ctx context.Context, name string, qtype uint16) resolver.Answer {
	return b.Resolve(ctx, name, qtype)
}

func (b *book) Resolve(ctx context.Context, name string, qtype uint16) resolver.Answer {
	b.asked.Add(1)
	if b.wait != nil {
		select {
		case <-b.wait:
		case <-ctx.Done():
		}
	}
	name = strings.ToLower(name)
	now := time.Now()
	a := resolver.Answer{Rcode: dns.RcodeSuccess, Secure: true, Refresh: now.Add(time.Minute), Until: now.Add(time.Minute)}
	h := dns.RR_Header{Name: name, Rrtype: qtype, Class: dns.ClassINET, Ttl: 300}
	sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: 300}, TypeCovered: qtype,
		Algorithm: dns.ED25519, SignerName: "test.", Signature: base64.StdEncoding.EncodeToString(make([]byte, 64))}
	switch {
	case name == "www.test." && qtype == dns.TypeA:
		a.Answer = []dns.RR{&dns.A{Hdr: h, A: net.IPv4(192, 0, 2, 7)}, sig}
	case name == "big.test." && qtype == dns.TypeTXT:
		for i := range 40 {
			a.Answer = append(a.Answer, &dns.TXT{Hdr: h, Txt: []string{fmt.Sprint(i, strings.Repeat("x", 100))}})
		}
	case name == "old.test.":
		a.Stale, a.Extra = true, &resolver.Extra{Code: dns.ExtendedErrorCodeStaleAnswer, Text: "old"}
		a.Answer = []dns.RR{&dns.A{Hdr: h, A: net.IPv4(192, 0, 2, 8)}}
	case name == "forged.test.":
		a.Secure, a.Bogus, a.Extra = false, true, &resolver.Extra{Code: dns.ExtendedErrorCodeDNSBogus, Text: "bogus"}
		a.Answer = []dns.RR{&dns.A{Hdr: h, A: net.IPv4(192, 0, 2, 66)}}
	case name == "broken.test.":
		a = resolver.Answer{Rcode: dns.RcodeServerFailure, Extra: &resolver.Extra{Code: dns.ExtendedErrorCodeDNSBogus, Text: "bogus"}, Refresh: now, Until: now}
	default:
		a.Rcode = dns.RcodeNameError
		a.Authority = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "test.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60}, Ns: "test.", Mbox: "test."}}
	}
	return a
}

// serve starts a server on ports of its own.
func serve(t testing.TB, b *book) *Server {
	t.Helper()
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	certs := cert.TLS.Certificates
	cert.Close()
	s, err := Listen(Config{Resolver: b, Now: time.Now, DNS: "127.0.0.1:0", DoT: "127.0.0.1:0", DoH: "127.0.0.1:0",
		TLS: &tls.Config{Certificates: certs, MinVersion: tls.VersionTLS12}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func question(name string, qtype uint16, change ...func(*dns.Msg)) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	for _, c := range change {
		c(m)
	}
	return m
}

func edns(size uint16, do bool) func(*dns.Msg) { return func(m *dns.Msg) { m.SetEdns0(size, do) } }

func exchange(t testing.TB, network, at string, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := &dns.Client{Net: network, Timeout: 5 * time.Second, TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	r, _, err := c.Exchange(m, at)
	if err != nil {
		t.Fatalf("%s %v: %v", network, m.Question, err)
	}
	return r
}

// line writes an answer in one line.
func line(r *dns.Msg) string {
	s := dns.RcodeToString[r.Rcode]
	for _, f := range []struct {
		set  bool
		name string
	}{{r.AuthenticatedData, "ad"}, {r.Truncated, "tc"}} {
		if f.set {
			s += " " + f.name
		}
	}
	for _, rr := range append(append([]dns.RR{}, r.Answer...), r.Ns...) {
		s += fmt.Sprintf(" %s/%d", dns.Type(rr.Header().Rrtype), rr.Header().Ttl)
	}
	if opt := r.IsEdns0(); opt != nil {
		s += " edns"
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				s += fmt.Sprintf(" ede%d", e.InfoCode)
			}
		}
	}
	return s
}

func TestAnswers(t *testing.T) {
	s := serve(t, &book{})
	many := strings.TrimSpace(strings.Repeat(" TXT/300", 40))
	for _, c := range []struct {
		network string
		m       *dns.Msg
		want    string
	}{
		{"udp", question("www.test.", dns.TypeA), "NOERROR A/300"},
		{"udp", question("WwW.tEsT.", dns.TypeA), "NOERROR A/300"},
		{"udp", question("www.test.", dns.TypeA, func(m *dns.Msg) { m.AuthenticatedData = true }), "NOERROR ad A/300"},
		{"udp", question("www.test.", dns.TypeA, edns(1232, true)), "NOERROR ad A/300 RRSIG/300 edns"},
		{"udp", question("www.test.", dns.TypeA, edns(1232, false)), "NOERROR A/300 edns"},
		{"udp", question("no.test.", dns.TypeA), "NXDOMAIN SOA/60"},
		{"udp", question("big.test.", dns.TypeTXT), "NOERROR tc"},
		{"udp", question("big.test.", dns.TypeTXT, edns(65535, false)), "NOERROR tc edns"},
		{"tcp", question("big.test.", dns.TypeTXT), "NOERROR " + many},
		{"tcp-tls", question("big.test.", dns.TypeTXT), "NOERROR " + many},
		{"udp", question("old.test.", dns.TypeA, edns(1232, false)), "NOERROR A/30 edns ede3"},
		{"udp", question("broken.test.", dns.TypeA, edns(1232, false)), "SERVFAIL edns ede6"},
		{"udp", question("forged.test.", dns.TypeA, edns(1232, false)), "SERVFAIL edns ede6"},
		{"udp", question("forged.test.", dns.TypeA, edns(1232, false), func(m *dns.Msg) { m.CheckingDisabled = true }), "NOERROR A/300 edns ede6"},
		{"udp", question("www.test.", dns.TypeANY), "NOERROR HINFO/3600"},
		{"udp", question("www.test.", dns.TypeAXFR), "REFUSED"},
		{"udp", question("www.test.", dns.TypeA, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), "REFUSED"},
		{"udp", question("www.test.", dns.TypeA, func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }), "NOTIMP"},
		{"udp", question("www.test.", dns.TypeA, edns(1232, false), func(m *dns.Msg) { m.IsEdns0().SetVersion(1) }), "BADSIG edns"}, // 16, which is BADVERS here
	} {
		at := s.Addresses().DNS
		if c.network == "tcp-tls" {
			at = s.Addresses().DoT
		}
		for _, turn := range []string{"first", "second"} { // the second from memory
			if got := line(exchange(t, c.network, at, c.m)); got != c.want {
				t.Errorf("%s %s, %s time:\n got %s\nwant %s", c.network, c.m.Question[0].Name, turn, got, c.want)
			}
		}
	}
}

// What was asked once is answered from memory: in the client's own spelling,
// under its own number, for all who ask alike.
func TestAnswersFromMemory(t *testing.T) {
	b := &book{}
	s := serve(t, b)
	for i, name := range []string{"www.test.", "WWW.test.", "wwW.TEST."} {
		m := question(name, dns.TypeA)
		m.Id = uint16(1000 + i)
		r := exchange(t, "udp", s.Addresses().DNS, m)
		if r.Id != m.Id || r.Question[0].Name != name {
			t.Errorf("answer %d to %s", r.Id, r.Question[0].Name)
		}
	}
	if n := b.asked.Load(); n != 1 {
		t.Errorf("looked up %d times", n)
	}
}

func TestHTTPS(t *testing.T) {
	s := serve(t, &book{})
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	packed, err := question("www.test.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	url := "https://" + s.Addresses().DoH + "/dns-query"
	for _, c := range []struct {
		what string
		ask  func() (*http.Response, error)
		code int
	}{
		{"GET", func() (*http.Response, error) {
			return client.Get(url + "?dns=" + base64.RawURLEncoding.EncodeToString(packed))
		}, 200},
		{"POST", func() (*http.Response, error) { return client.Post(url, dohType, strings.NewReader(string(packed))) }, 200},
		{"no question", func() (*http.Response, error) { return client.Get(url) }, 400},
		{"garbage", func() (*http.Response, error) { return client.Get(url + "?dns=%21") }, 400},
		{"another type", func() (*http.Response, error) { return client.Post(url, "text/plain", strings.NewReader("x")) }, 415},
		{"too long", func() (*http.Response, error) {
			return client.Post(url, dohType, strings.NewReader(strings.Repeat("x", queryBytesMax+1)))
		}, 400},
		{"another path", func() (*http.Response, error) { return client.Get(url + "/x") }, 404},
	} {
		r, err := c.ask()
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != c.code || err != nil {
			t.Errorf("%s: %s, %v", c.what, r.Status, err)
		}
		if c.code != 200 {
			continue
		}
		m := new(dns.Msg)
		if err := m.Unpack(body); err != nil || line(m) != "NOERROR A/300" {
			t.Errorf("%s: %v, %v", c.what, m, err)
		}
		if r.Header.Get("Cache-Control") != "max-age=300" || r.ProtoMajor != 2 {
			t.Errorf("%s: %s, %v", c.what, r.Proto, r.Header)
		}
	}
}

func TestCookies(t *testing.T) {
	s := serve(t, &book{})
	ask := func(cookie string) (rcode int, back string) {
		m := question("www.test.", dns.TypeA, edns(1232, false))
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie}}
		r := exchange(t, "udp", s.Addresses().DNS, m)
		for _, o := range r.IsEdns0().Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				back = c.Cookie
			}
		}
		return r.Rcode, back
	}
	rcode, cookie := ask("0123456789abcdef")
	if rcode != 0 || len(cookie) != 48 || cookie[:16] != "0123456789abcdef" {
		t.Fatalf("a new client gets %d, %q", rcode, cookie)
	}
	if rcode, _ := ask("0123"); rcode != dns.RcodeFormatError {
		t.Errorf("a short cookie: %d", rcode)
	}
	m := question("www.test.", dns.TypeA, edns(1232, false))
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie}}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if !s.cookies.good(packed, netip.MustParseAddr("127.0.0.1")) {
		t.Error("the server does not know its own cookie")
	}
	if s.cookies.good(packed, netip.MustParseAddr("127.0.0.2")) {
		t.Error("the cookie is good for another address")
	}
}

// limited is a server without sockets whose clock stands still.
func limited(t testing.TB, b *book) *Server {
	t.Helper()
	now := time.Now()
	s, err := Listen(Config{Resolver: b, Now: func() time.Time { return now }, PerSource: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// A question that is longer than one can be is not answered, and does not keep the
// next from being: over UDP on the same socket, over TCP on the next connection.
func TestOversizedQuestions(t *testing.T) {
	s := serve(t, &book{})
	at := s.Addresses().DNS
	packed, err := question("www.test.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	long := append(bytes.Clone(packed), make([]byte, queryBytesMax)...)
	long[0] ^= 1 // another number
	udp, err := net.Dial("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for _, b := range [][]byte{long, packed} {
		if _, err := udp.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	answer := make([]byte, 1500)
	if n, err := udp.Read(answer); err != nil || n < headerBytes || !bytes.Equal(answer[:2], packed[:2]) {
		t.Errorf("over UDP: %x, %v", answer[:n], err)
	}

	tcp, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	if _, err := tcp.Write(binary.BigEndian.AppendUint16(nil, queryBytesMax+1)); err != nil {
		t.Fatal(err)
	}
	if n, err := tcp.Read(answer); err == nil {
		t.Errorf("over TCP: %x", answer[:n])
	}
	if got := line(exchange(t, "tcp", at, question("www.test.", dns.TypeA))); got != "NOERROR A/300" {
		t.Errorf("the next: %s", got)
	}
}

// Ten thousand questions in a second from one source: most are dropped, and
// another source does not notice.
func TestOneSourceIsHeldToItsRate(t *testing.T) {
	s := limited(t, &book{})
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	admitted := func(from string, n int) (count int) {
		packed, err := question("www.test.", dns.TypeA).Pack()
		if err != nil {
			t.Fatal(err)
		}
		packed[1] |= 1 // no short answers: nobody is there to take them
		for range n {
			if s.admit(sink, packed, netip.MustParseAddrPort(from)) {
				count++
			}
		}
		return count
	}
	if n := admitted("198.51.100.1:53", 10_000); n != 100*burstSeconds {
		t.Errorf("%d of 10,000 were admitted", n)
	}
	if n := admitted("198.51.100.2:53", 50); n != 50 {
		t.Errorf("another source: %d of 50", n)
	}
	if n := admitted("[2001:db8:0:1::1]:53", 10_000) + admitted("[2001:db8:0:1::2]:53", 10_000); n != 100*burstSeconds {
		t.Errorf("one subscriber's network: %d", n)
	}
}

// What has to be looked up is bounded: above it questions are dropped, and what
// is known is answered all the same.
func TestLookupsAreBounded(t *testing.T) {
	b := &book{wait: make(chan struct{})}
	s := limited(t, b)
	var started sync.WaitGroup
	release := make(chan struct{})
	for range slowMax {
		started.Add(1)
		if !s.later(func(context.Context) { started.Done(); <-release }) {
			t.Fatal("refused before the limit")
		}
	}
	started.Wait()
	if s.later(func(context.Context) {}) {
		t.Error("more lookups than allowed")
	}
	close(release)
	s.tasks.Wait()
}

func TestConnectionsAreBounded(t *testing.T) {
	var c conns
	one := netip.MustParsePrefix("192.0.2.1/32")
	for range connsPerSourceMax {
		if !c.take(one) {
			t.Fatal("refused before the limit")
		}
	}
	if c.take(one) {
		t.Error("one source has more connections than allowed")
	}
	for i := range connsMax {
		c.take(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32))
	}
	if c.total != connsMax {
		t.Errorf("%d connections", c.total)
	}
	c.give(one)
	if c.total != connsMax-1 {
		t.Error("a closed connection still counts")
	}
}

// A connection may ask many things at once, and garbage ends it.
func TestPipelining(t *testing.T) {
	s := serve(t, &book{})
	c, err := dns.Dial("tcp", s.Addresses().DNS)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const n = 100
	go func() {
		for i := range n {
			m := question(fmt.Sprintf("n%d.test.", i), dns.TypeA)
			m.Id = uint16(i)
			if c.WriteMsg(m) != nil {
				return
			}
		}
	}()
	seen := map[uint16]bool{}
	for range n {
		r, err := c.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		seen[r.Id] = true
	}
	if len(seen) != n {
		t.Errorf("%d different answers", len(seen))
	}
	if _, err := c.Conn.Write([]byte{0, 3, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadMsg(); err == nil {
		t.Error("three bytes were answered")
	}
}

// An answer that is kept costs a look, a copy, and no allocation.
func TestKeptAnswersCostNoAllocation(t *testing.T) {
	s := serve(t, new(book))
	m := question("wWw.test.", dns.TypeA, edns(1232, true))
	exchange(t, "udp", s.Addresses().DNS, m)
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var q query
	out := make([]byte, udpBytesMax)
	n := 0
	allocations := testing.AllocsPerRun(1000, func() {
		if q.scan(b) {
			n = s.quick(&q, b, out)
		}
	})
	if n == 0 || allocations != 0 {
		t.Errorf("an answer of %d bytes with %v allocations", n, allocations)
	}
}
