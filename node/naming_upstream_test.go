package node

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming/chain"
	"github.com/atollnet/atoll/naming/chain/chaintest"
)

// serveWorld answers DNS for a world on loopback and returns where.
func serveWorld(t *testing.T, w *chaintest.World) string {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	s := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(w.Serve), NotifyStartedFunc: func() { close(started) }}
	go s.ActivateAndServe()
	<-started
	t.Cleanup(func() { s.Shutdown() })
	return packets.LocalAddr().String()
}

// What one peer has fetched and proved, another answers whose resolver is dead; what
// is forged, no peer takes.
func TestAnswersOfTheOrdinaryDNSAreShared(t *testing.T) {
	w, evil := chaintest.New(t, time.Now), chaintest.New(t, time.Now)
	resolver := serveWorld(t, w)
	peers := 0
	c := newClusterOf(t, 3, func(c *Config) {
		answering(c)
		c.ShareAnswers, c.Upstream = "all", []string{resolver}
		if peers++; peers > 1 {
			c.Upstream = []string{"127.0.0.1:1"}
		}
		for _, ds := range w.Anchors() {
			c.Anchors = append(c.Anchors, ds.String())
		}
	})
	for _, q := range []struct {
		name  string
		rcode int
		want  []string
	}{{"www.signed.example.", dns.RcodeSuccess, []string{"192.0.2.1"}}, {"nobody.hashed.example.", dns.RcodeNameError, nil}} {
		m := c.ask(0, "udp", q.name, dns.TypeA)
		if !slices.Equal(addresses(m), q.want) || m.Rcode != q.rcode || !m.AuthenticatedData {
			t.Fatalf("by who asks the resolver: %v", m)
		}
		id, err := chain.ID(q.name, dns.TypeA)
		if err != nil {
			t.Fatal(err)
		}
		c.until("all hold the answer", func() bool {
			return !slices.ContainsFunc(c.nodes, func(n *Node) bool {
				_, held := n.dht.Held(t.Context(), wire.RecordChain, id)
				return !held
			})
		})
		m = c.ask(1, "udp", q.name, dns.TypeA)
		if !slices.Equal(addresses(m), q.want) || m.Rcode != q.rcode || !m.AuthenticatedData {
			t.Errorf("by who cannot: %v", m)
		}
	}

	value, id := forged(t, evil)
	if _, err := c.nodes[2].dht.PutRecord(t.Context(), wire.RecordChain, id, value); err == nil {
		t.Error("a forged answer is taken")
	}
	if m := c.ask(1, "udp", "www.plain.example.", dns.TypeA); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("what nobody has: %v", m)
	}
}

// forged returns an answer that another root proves.
func forged(t *testing.T, w *chaintest.World) ([]byte, wire.RecordID) {
	t.Helper()
	set := func(name string, kind uint16) chain.Set {
		r := w.Answer(new(dns.Msg).SetQuestion(name, kind))
		last := len(r.Answer) - 1
		return chain.Choose(r.Answer[:last], r.Answer[last].(*dns.RRSIG))
	}
	c := &chain.Chain{Name: "ns.example.", Type: dns.TypeA, Until: uint32(time.Now().Add(time.Hour / 2).Unix())}
	w.Add(t, "ns.example. 3600 IN A 192.0.2.66")
	c.Answer = []chain.Set{set("ns.example.", dns.TypeA)}
	c.Links = []chain.Link{{Keys: set("example.", dns.TypeDNSKEY), DS: set("example.", dns.TypeDS)}, {Keys: set(".", dns.TypeDNSKEY)}}
	if _, err := c.Verify(w.Anchors(), time.Now()); err != nil {
		t.Fatal(err)
	}
	value, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	id, err := chain.ID(c.Name, c.Type)
	if err != nil {
		t.Fatal(err)
	}
	return value, id
}
