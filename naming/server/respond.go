package server

import (
	"context"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming/resolver"
)

// way is how a question came.
type way uint8

const (
	overUDP way = iota
	overStream
)

// staleTTL is the time to live of stale records, in seconds (RFC 8767).
const staleTTL = 30

// respond answers a message. It returns nil where silence is the answer: for
// what is no question at all.
func (s *Server) respond(ctx context.Context, b []byte, from netip.Addr, how way) []byte {
	m := new(dns.Msg)
	if len(b) < headerBytes || b[2]&0x80 != 0 { // an answer is never answered
		return nil
	}
	if err := m.Unpack(b); err != nil {
		return refuse(b, dns.RcodeFormatError)
	}
	switch {
	case m.Opcode != dns.OpcodeQuery:
		return refuse(b, dns.RcodeNotImplemented)
	case len(m.Question) != 1 || len(m.Answer) != 0 || len(m.Ns) != 0:
		return refuse(b, dns.RcodeFormatError)
	}
	r := s.reply(ctx, m, from, how)
	return s.pack(r, m, how)
}

// refuse returns a header that says no more than that.
func refuse(b []byte, rcode int) []byte {
	r := make([]byte, headerBytes)
	copy(r, b[:4])
	r[2] = r[2]&^0x02 | 0x80
	r[3] = byte(rcode)
	return r
}

// reply makes the answer to a well-formed question.
func (s *Server) reply(ctx context.Context, m *dns.Msg, from netip.Addr, how way) *dns.Msg {
	r := new(dns.Msg)
	r.SetReply(m)
	r.RecursionAvailable = true
	r.CheckingDisabled = m.CheckingDisabled
	q := m.Question[0]
	opt := m.IsEdns0()
	if opt != nil {
		o := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		o.SetUDPSize(udpBytesMax)
		if opt.Do() {
			o.SetDo()
		}
		r.Extra = append(r.Extra, o)
		if opt.Version() != 0 {
			r.Rcode = dns.RcodeBadVers
			return r
		}
		if !s.cookies.answer(opt, o, from, how) {
			r.Rcode = dns.RcodeFormatError
			return r
		}
	}
	switch {
	case q.Qclass != dns.ClassINET:
		r.Rcode = dns.RcodeRefused
	case q.Qtype == dns.TypeAXFR, q.Qtype == dns.TypeIXFR:
		r.Rcode = dns.RcodeRefused
	case q.Qtype == dns.TypeANY, q.Qtype == dns.TypeRRSIG:
		r.Answer = []dns.RR{&dns.HINFO{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: 3600}, Cpu: "RFC8482"}}
	case q.Qtype == dns.TypeOPT || q.Qtype >= 128 && q.Qtype < dns.TypeAXFR || q.Qtype == dns.TypeMAILA || q.Qtype == dns.TypeMAILB:
		r.Rcode = dns.RcodeNotImplemented
	default:
		a := s.config.Resolver.Resolve(ctx, q.Name, q.Qtype)
		if !m.CheckingDisabled {
			a = a.Checked()
		}
		s.compose(r, m, a)
		s.keep(m, r, a)
	}
	return r
}

// compose fills in what the resolver found.
func (s *Server) compose(r, m *dns.Msg, a resolver.Answer) {
	opt, q := m.IsEdns0(), m.Question[0]
	wantsDNSSEC := opt != nil && opt.Do()
	r.Rcode = a.Rcode
	r.AuthenticatedData = a.Secure && (wantsDNSSEC || m.AuthenticatedData)
	r.Answer = pick(a.Answer, q.Qtype, wantsDNSSEC, a.Stale)
	r.Ns = pick(a.Authority, q.Qtype, wantsDNSSEC, a.Stale)
	if own := r.IsEdns0(); own != nil && a.Extra != nil {
		own.Option = append(own.Option, &dns.EDNS0_EDE{InfoCode: a.Extra.Code, ExtraText: clip(a.Extra.Text)})
	}
}

// clip bounds the text of an extended error.
func clip(text string) string { return text[:min(len(text), 200)] }

// pick leaves out what only validators want, unless one asks. Stale records get
// a short time to live.
func pick(rrs []dns.RR, qtype uint16, wantsDNSSEC, stale bool) []dns.RR {
	var out []dns.RR
	for _, rr := range rrs {
		switch rr.Header().Rrtype {
		case dns.TypeRRSIG, dns.TypeNSEC3, dns.TypeNSEC:
			if !wantsDNSSEC && rr.Header().Rrtype != qtype {
				continue
			}
		}
		if stale {
			rr = dns.Copy(rr)
			rr.Header().Ttl = min(rr.Header().Ttl, staleTTL)
		}
		out = append(out, rr)
	}
	return out
}

// pack returns an answer in wire form, cut short for UDP where it is too long.
func (s *Server) pack(r, m *dns.Msg, how way) []byte {
	r.Compress = true
	b, err := r.Pack()
	if err != nil {
		s.log.Debug("cannot pack an answer", "name", m.Question[0].Name, "error", err)
		r.Answer, r.Ns, r.Rcode = nil, nil, dns.RcodeServerFailure
		if b, err = r.Pack(); err != nil {
			return nil
		}
	}
	if how != overUDP || len(b) <= sizeOf(m) {
		return b
	}
	r.Truncated, r.Answer, r.Ns = true, nil, nil
	if b, err = r.Pack(); err != nil {
		return nil
	}
	return b
}

// sizeOf returns how long an answer over UDP the client can take.
func sizeOf(m *dns.Msg) int {
	size := plainBytesMax
	if opt := m.IsEdns0(); opt != nil {
		size = max(int(opt.UDPSize()), plainBytesMax)
	}
	return min(size, udpBytesMax)
}

// refreshMin is how long an answer is given at least before it is asked for again.
const refreshMin = 50 * time.Millisecond

// keep remembers an answer in the form in which the fast way sends it. Only
// plain questions are answered that way.
func (s *Server) keep(m, r *dns.Msg, a resolver.Answer) {
	if !a.Until.After(s.config.Now()) {
		return
	}
	plain := m.Copy()
	if opt := plain.IsEdns0(); opt != nil {
		opt.Option = nil
	}
	plain.Question[0].Name = dns.CanonicalName(plain.Question[0].Name)
	plain.Compress = false
	b, err := plain.Pack()
	if err != nil {
		return
	}
	var q query
	if !q.scan(b) {
		return
	}
	now := s.config.Now()
	k := &kept{refresh: max(a.Refresh.UnixNano(), now.Add(refreshMin).UnixNano()), until: a.Until.UnixNano(), at: now.UnixNano()}
	out := *r
	out.Question = plain.Question
	out.Extra = nil
	if opt := r.IsEdns0(); opt != nil {
		own := *opt
		own.Option = nil
		for _, o := range opt.Option {
			if o.Option() == dns.EDNS0EDE {
				own.Option = append(own.Option, o)
			}
		}
		out.Extra = []dns.RR{&own}
	}
	out.Compress = true
	if k.wire, err = out.Pack(); err != nil || len(k.wire) > udpBytesMax {
		return
	}
	if a.Aging {
		k.ttls = ttlPlaces(k.wire)
	}
	s.cache.put(q.key[:q.n], k)
}

// again asks the resolver for an answer that is about to grow old, in the
// background.
func (s *Server) again(question []byte, k *kept) {
	if !k.asked.CompareAndSwap(false, true) {
		return
	}
	b := append([]byte(nil), question...)
	if !s.later(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, questionMax)
		defer cancel()
		m := new(dns.Msg)
		if m.Unpack(b) == nil && len(m.Question) == 1 {
			r := new(dns.Msg)
			r.SetReply(m)
			r.RecursionAvailable, r.CheckingDisabled = true, m.CheckingDisabled
			if opt := m.IsEdns0(); opt != nil {
				o := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
				o.SetUDPSize(udpBytesMax)
				if opt.Do() {
					o.SetDo()
				}
				r.Extra = []dns.RR{o}
			}
			a := s.config.Resolver.Refresh(ctx, m.Question[0].Name, m.Question[0].Qtype)
			s.compose(r, m, a)
			s.keep(m, r, a)
		}
	}) {
		k.asked.Store(false)
	}
}

// questionMax bounds the time that one question takes.
const questionMax = 10 * time.Second

func hexOf(b []byte) string { return hex.EncodeToString(b) }
