package namebench

import (
	"context"
	"net"

	"github.com/miekg/dns"
)

// Bare answers every question with one address, as the plainest handler of the DNS
// library does, until the context ends.
func Bare(ctx context.Context, at string) error {
	conn, err := net.ListenPacket("udp", at)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(bare)}
	if err := s.ActivateAndServe(); ctx.Err() == nil {
		return err
	}
	return nil
}

func bare(w dns.ResponseWriter, q *dns.Msg) {
	r := new(dns.Msg).SetReply(q)
	h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 86400}
	r.Answer = []dns.RR{&dns.A{Hdr: h, A: net.ParseIP(firstAddress)}}
	_ = w.WriteMsg(r) // a client that has gone is counted by itself
}
