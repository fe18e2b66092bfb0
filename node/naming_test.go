package node

import (
	"context"
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// answering has a peer answer DNS at any port.
func answering(c *Config) {
	host := strings.Split(c.Listen[0], "/")[2]
	c.DNS, c.DoT, c.DoH = host+":0", host+":0", host+":0"
}

// zone makes a zone at a peer and returns its self-certifying name.
func (c *cluster) zone(i int, r api.NameZoneRequest) api.NameZone {
	c.t.Helper()
	r.Op = "create"
	z, err := c.user(i).NameZone(c.t.Context(), r)
	if err != nil {
		c.t.Fatal(err)
	}
	return z
}

func (c *cluster) name(i int, r api.NameChangeRequest) api.NameResult {
	c.t.Helper()
	got, err := c.user(i).NameChange(c.t.Context(), r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", r.Op, r.Name, err)
	}
	return got
}

// ask asks the DNS of a peer over udp, tcp or tcp-tls.
func (c *cluster) ask(i int, way, name string, t uint16) *dns.Msg {
	c.t.Helper()
	s, err := c.user(i).Status(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	at := s.DNS
	if way == "tcp-tls" {
		at = s.DoT
	}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), t)
	m.SetEdns0(1232, true)
	client := dns.Client{Net: way, Timeout: 10 * time.Second, TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	answer, _, err := client.ExchangeContext(c.t.Context(), m, at)
	if err != nil {
		c.t.Fatalf("ask peer %d over %s: %v", i, way, err)
	}
	return answer
}

// addresses returns the A records of an answer.
func addresses(m *dns.Msg) (all []string) {
	for _, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			all = append(all, a.A.String())
		}
	}
	return all
}

func TestANameIsAnsweredByEveryPeer(t *testing.T) {
	c := newClusterOf(t, 5, answering)
	z := c.zone(0, api.NameZoneRequest{Label: "photos"})
	done := c.name(0, api.NameChangeRequest{Op: "set", Name: "www.photos", Type: "A", TTL: 300, Data: []string{"192.0.2.7"}})
	if !done.Published || done.Confirmed < 2 || done.Name != "www."+z.Name {
		t.Errorf("published: %+v", done)
	}
	for i, way := range []string{1: "udp", 2: "tcp", 3: "tcp-tls"} {
		if way == "" {
			continue
		}
		m := c.ask(i, way, "www."+z.Name, dns.TypeA)
		if got := addresses(m); !slices.Equal(got, []string{"192.0.2.7"}) || !m.AuthenticatedData {
			t.Errorf("peer %d over %s: %v", i, way, m)
		}
		if m := c.ask(i, way, "nobody."+z.Name, dns.TypeA); m.Rcode != dns.RcodeNameError {
			t.Errorf("peer %d over %s, no such name: %v", i, way, m)
		}
		if m := c.ask(i, way, "www."+z.Name, dns.TypeAAAA); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 0 {
			t.Errorf("peer %d over %s, no such type: %v", i, way, m)
		}
	}

	// A change reaches those that keep the answer before, whatever its TTL.
	c.name(0, api.NameChangeRequest{Op: "set", Name: "www.photos", Type: "A", TTL: 300, Data: []string{"192.0.2.8"}})
	for i := 1; i < 5; i++ {
		c.until("the new address is answered", func() bool {
			return slices.Equal(addresses(c.ask(i, "udp", "www."+z.Name, dns.TypeA)), []string{"192.0.2.8"})
		})
	}

	// The name outlives its owner's peer.
	c.stop(0)
	if got := addresses(c.ask(4, "udp", "www."+z.Name, dns.TypeA)); !slices.Equal(got, []string{"192.0.2.8"}) {
		t.Errorf("with the owner's peer off: %v", got)
	}
}

func TestANameStandsForData(t *testing.T) {
	c := newClusterOf(t, 5, patient)
	c.init(0, 4)
	if _, err := c.user(0).Mkdir(t.Context(), api.MkdirRequest{Ref: "home:/docs", Mode: 0o755, Until: api.Ordered}); err != nil {
		t.Fatal(err)
	}
	c.mustPut(0, "home:/docs/report", "open to all")
	c.mustPut(0, "home:/secret", "not to be read")
	z := c.zone(0, api.NameZoneRequest{Label: "photos"})
	c.name(0, api.NameChangeRequest{Op: "link", Name: "docs.photos", Data: []string{"home:/docs"}})
	if got, err := c.get(0, "docs.photos/report"); err != nil || got != "open to all" {
		t.Errorf("by the owner: %q, %v", got, err)
	}
	if _, err := c.get(1, "docs."+z.Name+"/report"); errs.KindOf(err) != errs.Refused {
		t.Errorf("by another, without the key: %v", err)
	}
	c.name(0, api.NameChangeRequest{Op: "link", Name: "docs.photos", Data: []string{"home:/docs"}, Public: true})
	c.until("everybody can read it", func() bool {
		got, err := c.get(1, "docs."+z.Name+"/report")
		return err == nil && got == "open to all"
	})
	// The key opens what was linked, and nothing above it.
	a, err := c.user(1).NameResolve(t.Context(), api.NameResolveRequest{Name: "_atoll.docs." + z.Name, Type: "TXT"})
	if err != nil || len(a.Answer) != 1 || !a.Secure {
		t.Fatalf("the record: %+v, %v", a, err)
	}
	linked := a.Answer[0][strings.Index(a.Answer[0], "atoll=")+len("atoll="):]
	ref := "atoll:" + strings.Trim(linked, `"`)
	if list, err := c.get(1, ref+"/report"); err != nil || list != "open to all" {
		t.Errorf("by the reference in the record: %q, %v", list, err)
	}
	if _, err := c.get(1, ref+"/../secret"); err == nil {
		t.Error("what lies above can be read")
	}
	if _, err := c.get(1, ref+"/secret"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("what lies beside: %v", err)
	}
	if _, err := c.get(1, "nothing."+z.Name+"/x"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a name that stands for nothing: %v", err)
	}
}

func TestNamesAreRegisteredUnderARoot(t *testing.T) {
	roots := []string{}
	c := newClusterOf(t, 4, func(c *Config) {
		answering(c)
		c.Roots = roots
	})
	root := c.zone(0, api.NameZoneRequest{Label: "root", Root: "test.", Open: true})
	for _, ds := range root.DS {
		if strings.HasPrefix(ds, "test.") {
			roots = append(roots, ds)
		}
	}
	if len(roots) == 0 {
		t.Fatalf("no DS of the root: %v", root.DS)
	}
	user, reader := c.add(), c.add()
	c.meet()
	c.zone(user, api.NameZoneRequest{Label: "mine"})
	c.name(user, api.NameChangeRequest{Op: "set", Name: "www.mine", Type: "A", Data: []string{"192.0.2.9"}})
	if _, err := c.user(user).NameRegister(t.Context(), api.NameRegisterRequest{Name: "ann.test", Zone: "mine"}); err != nil {
		t.Fatal(err)
	}
	c.until("the name is answered below the root", func() bool {
		m := c.ask(reader, "udp", "www.ann.test", dns.TypeA)
		return slices.Equal(addresses(m), []string{"192.0.2.9"}) && m.AuthenticatedData
	})

	c.zone(reader, api.NameZoneRequest{Label: "other"})
	if _, err := c.user(reader).NameRegister(t.Context(), api.NameRegisterRequest{Name: "ann.test", Zone: "other"}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := c.user(0).NameZone(t.Context(), api.NameZoneRequest{Op: "close", Label: "root"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := c.user(reader).NameRegister(ctx, api.NameRegisterRequest{Name: "bob.test", Zone: "other"}); err == nil {
		t.Error("a zone that takes no registrations has taken one")
	}
}

func TestTheStatusOfNames(t *testing.T) {
	c := newClusterOf(t, 5, answering)
	c.zone(0, api.NameZoneRequest{Label: "photos"})
	c.name(0, api.NameChangeRequest{Op: "set", Name: "www.photos", Type: "A", TTL: 300, Data: []string{"192.0.2.7"}})
	c.until("each name is seen on four other peers", func() bool {
		s, err := c.user(0).NameStatus(t.Context(), api.NameListRequest{Zone: "photos"})
		if err != nil || len(s.Names) == 0 {
			t.Fatalf("%+v, %v", s, err)
		}
		return !slices.ContainsFunc(s.Names, func(n api.NameStatusLine) bool {
			return n.Stored != 4 || n.Seen == nil || n.Put == nil || n.Seen.Before(*n.Put) || n.Level != 64 || n.Serial == 0
		})
	})
	if _, err := c.user(0).NameStatus(t.Context(), api.NameListRequest{Zone: "none"}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("of no zone: %v", err)
	}
}
