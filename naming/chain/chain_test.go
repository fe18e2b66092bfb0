package chain_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming/chain"
	"github.com/atollnet/atoll/naming/chain/chaintest"
)

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// set returns a set of an answer with its signature.
func set(t testing.TB, rrs []dns.RR, name string, kind uint16) (s chain.Set) {
	t.Helper()
	var in []dns.RR
	var sig *dns.RRSIG
	for _, rr := range rrs {
		if x, ok := rr.(*dns.RRSIG); ok && x.TypeCovered == kind && x.Hdr.Name == name {
			sig = x
		} else if rr.Header().Name == name && rr.Header().Rrtype == kind {
			in = append(in, rr)
		}
	}
	if sig == nil {
		t.Fatalf("%s %s is not signed in %v", name, dns.Type(kind), rrs)
	}
	return chain.Choose(in, sig)
}

func ask(t testing.TB, w *chaintest.World, name string, kind uint16) *dns.Msg {
	t.Helper()
	return w.Answer(new(dns.Msg).SetQuestion(name, kind))
}

// links returns the way from a zone to the root.
func links(t testing.TB, w *chaintest.World, zones ...string) (links []chain.Link) {
	t.Helper()
	for _, z := range zones {
		l := chain.Link{Keys: set(t, ask(t, w, z, dns.TypeDNSKEY).Answer, z, dns.TypeDNSKEY)}
		if z != "." {
			l.DS = set(t, ask(t, w, z, dns.TypeDS).Answer, z, dns.TypeDS)
		}
		links = append(links, l)
	}
	return links
}

// of makes the chain of an answer.
func of(t testing.TB, w *chaintest.World, name string, kind uint16, zones ...string) *chain.Chain {
	t.Helper()
	r := ask(t, w, name, kind)
	c := &chain.Chain{Name: name, Type: kind, Until: uint32(now.Add(10 * time.Minute).Unix()), Links: links(t, w, zones...)}
	if len(r.Answer) > 0 {
		c.Answer = append(c.Answer, set(t, r.Answer, r.Answer[0].Header().Name, r.Answer[0].Header().Rrtype))
	}
	for _, rr := range r.Ns {
		if h := rr.Header(); h.Rrtype != dns.TypeRRSIG {
			c.Answer = append(c.Answer, set(t, r.Ns, h.Name, h.Rrtype))
		}
	}
	return c
}

func TestWhatIsSignedIsProved(t *testing.T) {
	w := chaintest.New(t, clock)
	for _, zone := range []string{"signed.example.", "hashed.example."} {
		for _, q := range []struct {
			name  string
			kind  uint16
			rcode int
			yes   bool
		}{
			{"www.", dns.TypeA, dns.RcodeSuccess, true},
			{"alias.", dns.TypeA, dns.RcodeSuccess, true},
			{"x.wild.", dns.TypeA, dns.RcodeSuccess, true},
			{"x.y.wild.", dns.TypeA, dns.RcodeSuccess, true},
			{"x.wild.", dns.TypeMX, dns.RcodeSuccess, false},
			{"www.", dns.TypeMX, dns.RcodeSuccess, false},
			{"", dns.TypeMX, dns.RcodeSuccess, false},
			{"empty.", dns.TypeA, dns.RcodeSuccess, false},
			{"nobody.", dns.TypeA, dns.RcodeNameError, false},
			{"a.b.nobody.", dns.TypeA, dns.RcodeNameError, false},
			{"zzz.", dns.TypeA, dns.RcodeNameError, false},
			{"other.empty.", dns.TypeA, dns.RcodeNameError, false},
		} {
			c := of(t, w, q.name+zone, q.kind, zone, "example.", ".")
			r, err := c.Verify(w.Anchors(), now)
			if err != nil || r.Rcode != q.rcode || (len(r.Answer) > 0) != q.yes || !r.Until.Equal(now.Add(10*time.Minute)) {
				t.Errorf("%s: %+v, %v", c, r, err)
			}
			b, err := c.Encode()
			if err != nil {
				t.Fatalf("%s: %v", c, err)
			}
			id, _ := chain.ID(c.Name, c.Type)
			if err := chain.Check(id, b, w.Anchors(), now); err != nil {
				t.Errorf("%s: %v", c, err)
			}
			if other, _ := chain.ID("www.other.example.", c.Type); !errors.Is(chain.Check(other, b, w.Anchors(), now), chain.ErrForeign) {
				t.Errorf("%s lies under another name", c)
			}
		}
	}
}

func TestWhatIsNotSignedIsNot(t *testing.T) {
	w, other := chaintest.New(t, clock), chaintest.New(t, clock)
	www := func() *chain.Chain {
		return of(t, w, "www.signed.example.", dns.TypeA, "signed.example.", "example.", ".")
	}
	nobody := func(zone string) *chain.Chain {
		return of(t, w, "nobody."+zone, dns.TypeA, zone, "example.", ".")
	}
	for what, c := range map[string]*chain.Chain{
		"another root":     of(t, other, "www.signed.example.", dns.TypeA, "signed.example.", "example.", "."),
		"another zone":     of(t, w, "www.signed.example.", dns.TypeA, "hashed.example.", "example.", "."),
		"the root left":    of(t, w, "www.signed.example.", dns.TypeA, "signed.example.", "example."),
		"a link left":      of(t, w, "www.signed.example.", dns.TypeA, "signed.example.", "."),
		"another question": bend(www(), func(c *chain.Chain) { c.Name = "mail.signed.example." }),
		"another type":     bend(www(), func(c *chain.Chain) { c.Type = dns.TypeAAAA }),
		"another address": bend(www(), func(c *chain.Chain) {
			c.Answer[0].RRs[0].(*dns.A).A[3] ^= 1
		}),
		"keys of another": bend(www(), func(c *chain.Chain) { c.Links[0].Keys = links(t, other, "signed.example.")[0].Keys }),
		"all below the root of another": bend(www(), func(c *chain.Chain) {
			c.Answer = of(t, other, "www.signed.example.", dns.TypeA, "signed.example.").Answer
			c.Links = append(links(t, other, "signed.example.", "example."), c.Links[2])
		}),
		"a denial of the neighbour":        bend(nobody("signed.example."), func(c *chain.Chain) { c.Name = "www.signed.example." }),
		"a hashed denial of the neighbour": bend(nobody("hashed.example."), func(c *chain.Chain) { c.Name = "www.hashed.example." }),
		"a denial without its wildcard":    bend(nobody("hashed.example."), func(c *chain.Chain) { c.Answer = c.Answer[:2] }),
		"an SOA record alone":              bend(nobody("signed.example."), func(c *chain.Chain) { c.Answer = c.Answer[:1] }),
		"a wildcard without a denial":      bend(of(t, w, "x.wild.signed.example.", dns.TypeA, "signed.example.", "example.", "."), func(c *chain.Chain) { c.Answer = c.Answer[:1] }),
		"a wildcard for a name that it hides": bend(of(t, w, "x.wild.signed.example.", dns.TypeA, "signed.example.", "example.", "."), func(c *chain.Chain) {
			c.Name = "www.signed.example."
			for i := range c.Answer[0].RRs {
				c.Answer[0].RRs[i].Header().Name = c.Name
			}
			c.Answer[0].Sig.Hdr.Name = c.Name
		}),
		"a parent that denies what is the child's": bend(of(t, w, "signed.example.", dns.TypeMX, "signed.example.", "example.", "."), func(c *chain.Chain) {
			c.Answer = of(t, w, "plain.example.", dns.TypeDS, "example.", ".").Answer
			c.Name, c.Links = "plain.example.", c.Links[1:]
		}),
	} {
		if r, err := c.Verify(w.Anchors(), now); !errors.Is(err, chain.ErrBogus) {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
}

func bend(c *chain.Chain, how func(*chain.Chain)) *chain.Chain { how(c); return c }

func TestTimes(t *testing.T) {
	w := chaintest.New(t, clock)
	c := of(t, w, "www.signed.example.", dns.TypeA, "signed.example.", "example.", ".")
	id, _ := chain.ID(c.Name, c.Type)
	until := time.Unix(int64(c.Until), 0)
	for _, x := range []struct {
		what       string
		at         time.Time
		read, kept bool
	}{
		{"now", now, true, true},
		{"when it has ended", until, false, false},
		{"long before it was signed", now.Add(-60 * time.Hour), false, false},
		{"before it can have been fetched", until.Add(-2*time.Hour - time.Minute), false, false},
		{"by a clock that is late", until.Add(-90 * time.Minute), true, true},
	} {
		b, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Verify(w.Anchors(), x.at)
		if (err == nil) != x.read || err != nil && !errors.Is(err, chain.ErrTime) {
			t.Errorf("%s: read: %v", x.what, err)
		}
		if err == nil && r.Until.After(x.at.Add(time.Hour)) {
			t.Errorf("%s: given until %v, longer than its time to live", x.what, r.Until)
		}
		if err := chain.Check(id, b, w.Anchors(), x.at); (err == nil) != x.kept {
			t.Errorf("%s: kept: %v", x.what, err)
		}
	}
	c.Until = c.Answer[0].Sig.Expiration + 1
	if _, err := c.Verify(w.Anchors(), now.Add(9*24*time.Hour)); !errors.Is(err, chain.ErrTime) {
		t.Errorf("later than its signatures: %v", err)
	}
}

// A later signature counts for more than a later end, which nobody has signed.
func TestStampsAreOrderedByWhatIsSigned(t *testing.T) {
	w := chaintest.New(t, clock)
	c := of(t, w, "www.signed.example.", dns.TypeA, "signed.example.", "example.", ".")
	later := *c
	later.Until += 60
	newer := *c
	newer.Answer = slices.Clone(c.Answer)
	newer.Answer[0].Sig = dns.Copy(c.Answer[0].Sig).(*dns.RRSIG)
	newer.Answer[0].Sig.Inception++
	newer.Until -= 60
	var serials []uint64
	for _, c := range []*chain.Chain{c, &later, &newer} {
		b, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		serial, expires, err := chain.Stamp(b)
		if err != nil || expires.Unix() != int64(c.Until) {
			t.Fatalf("%v, %v", expires, err)
		}
		serials = append(serials, serial)
	}
	if !slices.IsSorted(serials) || serials[0] == serials[1] || serials[1] == serials[2] {
		t.Errorf("serials %x", serials)
	}
}

func FuzzChain(f *testing.F) {
	w := chaintest.New(f, clock)
	for _, name := range []string{"www.signed.example.", "nobody.signed.example."} {
		b, err := of(f, w, name, dns.TypeA, "signed.example.", "example.", ".").Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := chain.Parse(b)
		if err != nil {
			return
		}
		again, err := c.Encode()
		if err != nil || !slices.Equal(again, b) {
			t.Errorf("%x parses and is written as %x, %v", b, again, err)
		}
		if len(b) > 8<<10 {
			t.Errorf("%d bytes are taken", len(b))
		}
		_, _ = c.Verify(w.Anchors(), now) // must return
	})
}
