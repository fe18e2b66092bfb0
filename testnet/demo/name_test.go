package demo

import (
	"net"
	"testing"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/errs"
)

// Only the right address counts, and only if the peer has checked it.
func TestAddressed(t *testing.T) {
	for _, c := range []struct {
		what    string
		rcode   int
		address string
		checked bool
		want    errs.Kind
	}{
		{"right", dns.RcodeSuccess, hostAddress, true, 0},
		{"another address", dns.RcodeSuccess, "192.0.2.66", true, errs.Damaged},
		{"not checked", dns.RcodeSuccess, hostAddress, false, errs.Damaged},
		{"no answer", dns.RcodeServerFailure, "", false, errs.Damaged},
	} {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			r := new(dns.Msg).SetRcode(q, c.rcode)
			r.AuthenticatedData = c.checked
			if c.address != "" {
				r.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.ParseIP(c.address)}}
			}
			if err := w.WriteMsg(r); err != nil {
				t.Error(err)
			}
		})}
		ended := make(chan error)
		go func() { ended <- s.ActivateAndServe() }()
		err = addressed(t.Context(), conn.LocalAddr().String())
		if (err == nil) != (c.want == 0) || err != nil && errs.KindOf(err) != c.want {
			t.Errorf("%s: %v", c.what, err)
		}
		conn.Close()
		<-ended
	}
}
