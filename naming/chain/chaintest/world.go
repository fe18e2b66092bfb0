// Package chaintest is a small DNS with signatures, for tests: a root, a domain
// below it, and zones below that, answered as a resolver does that passes
// signatures on. It must never be used but in tests.
package chaintest

import (
	"crypto"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// World is a DNS with signatures. Its methods are safe for concurrent use.
type World struct {
	mu    sync.Mutex
	now   func() time.Time
	zones map[string]*zone
	asked map[string]int // questions by "name type"
	// Bend, if not nil, changes each answer on its way.
	Bend func(r *dns.Msg)
}

type zone struct {
	name     string
	key      *dns.DNSKEY
	signer   crypto.Signer
	unsigned bool
	hashed   bool // denies with NSEC3
	sets     map[string]map[uint16][]dns.RR
}

// New returns a world with these zones: "." and "example." with Ed25519 and ECDSA
// keys, "signed.example." (NSEC), "hashed.example." (NSEC3) and "plain.example."
// (unsigned). In each of the last three are "www", an address with a time to live
// of an hour, "alias", a CNAME for it, "*.wild", and "deep.empty".
func New(t testing.TB, now func() time.Time) *World {
	t.Helper()
	w := &World{now: now, zones: map[string]*zone{}, asked: map[string]int{}}
	for _, z := range []struct {
		name      string
		algorithm uint8
	}{{".", dns.ED25519}, {"example.", dns.ECDSAP256SHA256}, {"signed.example.", dns.ED25519}, {"hashed.example.", dns.ECDSAP256SHA256}, {"plain.example.", 0}} {
		w.addZone(t, z.name, z.algorithm)
	}
	w.zones["hashed.example."].hashed = true
	for _, z := range []string{"signed.example.", "hashed.example.", "plain.example."} {
		w.Add(t, "www."+z+" 3600 IN A 192.0.2.1", "alias."+z+" 3600 IN CNAME www."+z,
			"*.wild."+z+" 3600 IN A 192.0.2.2", "deep.empty."+z+" 3600 IN A 192.0.2.3")
	}
	return w
}

func (w *World) addZone(t testing.TB, name string, algorithm uint8) {
	t.Helper()
	z := &zone{name: name, unsigned: algorithm == 0, sets: map[string]map[uint16][]dns.RR{}}
	w.zones[name] = z
	w.Add(t, name+" 3600 IN SOA ns.example. root.example. 1 7200 3600 1209600 600", name+" 3600 IN NS ns.example.")
	parent := w.parent(name)
	if parent != nil {
		w.addTo(t, parent, name+" 3600 IN NS ns.example.")
	}
	if z.unsigned {
		return
	}
	z.key = &dns.DNSKEY{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600}, Flags: 257, Protocol: 3, Algorithm: algorithm}
	private, err := z.key.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	z.signer = private.(crypto.Signer)
	z.put(z.key)
	if parent != nil {
		parent.put(z.key.ToDS(dns.SHA256))
	}
}

// parent returns the zone above a zone.
func (w *World) parent(name string) *zone {
	if name == "." {
		return nil
	}
	return w.zoneOf(name, dns.TypeDS)
}

// Add puts records into the zones that they belong to.
func (w *World) Add(t testing.TB, records ...string) {
	t.Helper()
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.zoneOf(rr.Header().Name, rr.Header().Rrtype).put(rr)
		w.mu.Unlock()
	}
}

// Replace puts a set in the place of the one of its name and type.
func (w *World) Replace(t testing.TB, text string) {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	z := w.zoneOf(rr.Header().Name, rr.Header().Rrtype)
	delete(z.sets[rr.Header().Name], rr.Header().Rrtype)
	z.put(rr)
}

func (w *World) addTo(t testing.TB, z *zone, text string) {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	z.put(rr)
}

func (z *zone) put(rr dns.RR) {
	h := rr.Header()
	if z.sets[h.Name] == nil {
		z.sets[h.Name] = map[uint16][]dns.RR{}
	}
	z.sets[h.Name][h.Rrtype] = append(z.sets[h.Name][h.Rrtype], rr)
}

// zoneOf returns the zone that answers a question.
func (w *World) zoneOf(name string, qtype uint16) *zone {
	var best *zone
	for _, z := range w.zones {
		if dns.IsSubDomain(z.name, name) && (qtype != dns.TypeDS || z.name != name || name == ".") && (best == nil || len(z.name) > len(best.name)) {
			best = z
		}
	}
	return best
}

// Anchors returns the root's key as a peer is told it.
func (w *World) Anchors() []*dns.DS { return []*dns.DS{w.zones["."].key.ToDS(dns.SHA256)} }

// Asked returns how often a question has come.
func (w *World) Asked(name string, qtype uint16) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[name+" "+dns.Type(qtype).String()]
}

// Answer answers a message as a resolver does.
func (w *World) Answer(m *dns.Msg) *dns.Msg {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := m.Question[0]
	name := dns.CanonicalName(q.Name)
	w.asked[name+" "+dns.Type(q.Qtype).String()]++
	r := new(dns.Msg).SetReply(m)
	r.RecursionAvailable = true
	z := w.zoneOf(name, q.Qtype)
	a := z.find(name, q.Qtype, w.now())
	r.Rcode, r.Answer, r.Ns = a.rcode, a.answer, a.authority
	for range 4 { // aliases
		last, ok := lastAlias(r.Answer, q.Qtype)
		if !ok {
			break
		}
		z = w.zoneOf(last, q.Qtype)
		a = z.find(last, q.Qtype, w.now())
		r.Rcode, r.Answer, r.Ns = a.rcode, append(r.Answer, a.answer...), a.authority
	}
	if w.Bend != nil {
		w.Bend(r)
	}
	return r
}

func lastAlias(rrs []dns.RR, qtype uint16) (target string, ok bool) {
	for _, rr := range slices.Backward(rrs) {
		if rr.Header().Rrtype == qtype {
			return "", false
		}
		if c, is := rr.(*dns.CNAME); is {
			return dns.CanonicalName(c.Target), true
		}
	}
	return "", false
}

// sign returns a set with its signature, as records of the given name.
func (z *zone) sign(rrs []dns.RR, as string, now time.Time) []dns.RR {
	if len(rrs) == 0 || z.unsigned {
		return rrs
	}
	h := rrs[0].Header()
	delegation := h.Rrtype == dns.TypeNS && h.Name != z.name
	if delegation {
		return rrs
	}
	day := now.Truncate(24 * time.Hour)
	sig := &dns.RRSIG{
		Hdr:       dns.RR_Header{Ttl: h.Ttl},
		Algorithm: z.key.Algorithm, KeyTag: z.key.KeyTag(), SignerName: z.name, OrigTtl: h.Ttl,
		Inception: uint32(day.Add(-24 * time.Hour).Unix()), Expiration: uint32(day.Add(10 * 24 * time.Hour).Unix()),
	}
	if err := sig.Sign(z.signer, rrs); err != nil {
		panic(err)
	}
	var out []dns.RR
	for _, rr := range append(slices.Clone(rrs), dns.RR(sig)) {
		rr = dns.Copy(rr)
		rr.Header().Name = as
		out = append(out, rr)
	}
	return out
}

// Serve returns the world as a handler.
func (w *World) Serve(rw dns.ResponseWriter, m *dns.Msg) {
	r := w.Answer(m)
	if opt := m.IsEdns0(); opt != nil {
		r.SetEdns0(4096, opt.Do())
	}
	_ = rw.WriteMsg(r) // who asked has gone
}
