package upstream

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming/chain/chaintest"
	"github.com/atollnet/atoll/naming/resolver"
)

// tampering changes what a resolver says of one name.
type tampering struct {
	Asker
	change func(rrs []dns.RR) []dns.RR
}

func (t tampering) Exchange(ctx context.Context, name string, qtype uint16) resolver.Answer {
	a := t.Asker.Exchange(ctx, name, qtype)
	if qtype == dns.TypeA && t.change != nil {
		a.Answer = t.change(a.Answer)
	}
	return a
}

// each returns a change of copies of all records of a kind.
func each[R dns.RR](change func(R)) func([]dns.RR) []dns.RR {
	return func(rrs []dns.RR) (out []dns.RR) {
		for _, rr := range rrs {
			rr = dns.Copy(rr)
			if r, ok := rr.(R); ok {
				change(r)
			}
			out = append(out, rr)
		}
		return out
	}
}

func toForger(rr *dns.A) { rr.A = net.IPv4(192, 0, 2, 66) }

// An answer that its zone has not signed is a failure, but for those who check it
// themselves; what cannot be checked is given as before.
func TestWhatAZoneHasNotSignedIsBogus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := chaintest.New(t, time.Now)
		for what, c := range map[string]struct {
			name   string
			change func([]dns.RR) []dns.RR
			want   string
		}{
			"as it is":           {"www.signed.example.", nil, "NOERROR secure A 192.0.2.1"},
			"another address":    {"www.signed.example.", each(toForger), "SERVFAIL"},
			"an alias elsewhere": {"alias.signed.example.", each(func(rr *dns.CNAME) { rr.Target = "www.hashed.example." }), "SERVFAIL"},
			"a wrong signature":  {"www.signed.example.", each(func(rr *dns.RRSIG) { rr.Signature = "AAAA" + rr.Signature[4:] }), "SERVFAIL"},
			"a key of no tag":    {"www.signed.example.", each(func(rr *dns.RRSIG) { rr.KeyTag++ }), "SERVFAIL"},
			"one too many":       {"www.signed.example.", func(rrs []dns.RR) []dns.RR { return append(each(toForger)(rrs), rrs...) }, "SERVFAIL"},
			"by another zone":    {"www.signed.example.", each(func(rr *dns.RRSIG) { rr.SignerName = "hashed.example." }), "NOERROR A 192.0.2.1"},
			"of a new algorithm": {"www.signed.example.", each(func(rr *dns.RRSIG) { rr.Algorithm = 200 }), "NOERROR A 192.0.2.1"},
			"over by now":        {"www.signed.example.", each(func(rr *dns.RRSIG) { rr.Expiration = rr.Inception + 1 }), "NOERROR A 192.0.2.1"},
			"no signature":       {"www.signed.example.", withoutSignatures, "NOERROR A 192.0.2.1"},
			"an unsigned zone":   {"www.plain.example.", each(toForger), "NOERROR A 192.0.2.66"},
		} {
			s := shareWith(t, tampering{&direct{World: w}, c.change}, newBoard(w.Anchors()), SharePopular, w.Anchors())
			a := s.Exchange(t.Context(), c.name, dns.TypeA)
			if got := answerText(a.Checked()); got != c.want {
				t.Errorf("%s: %s, want %s", what, got, c.want)
			}
			if a.Bogus && (a.Rcode != dns.RcodeSuccess || len(a.Answer) == 0 || a.Extra == nil || a.Extra.Code != dns.ExtendedErrorCodeDNSBogus || time.Until(a.Until) > bogusTTL) {
				t.Errorf("%s: who does not want it checked is given %+v", what, a)
			}
		}
	})
}

// What peers have proved counts for more, and so does what was proved before.
func TestAForgedAnswerTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := chaintest.New(t, time.Now)
		b := newBoard(w.Anchors())
		shareWith(t, &direct{World: w}, b, ShareAll, w.Anchors()).Exchange(t.Context(), "www.signed.example.", dns.TypeA)
		synctest.Wait()
		forger := tampering{&direct{World: w}, each(toForger)}
		b.wait = graceMax * 2 // longer than an answer without a proof waits
		s := shareWith(t, forger, b, SharePopular, w.Anchors())
		if got := answerText(s.Exchange(t.Context(), "www.signed.example.", dns.TypeA)); got != "NOERROR secure A 192.0.2.1" {
			t.Errorf("beside peers: %s", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := chaintest.New(t, time.Now)
		turning := &tampering{Asker: &direct{World: w}}
		k := Keep(shareWith(t, turning, newBoard(w.Anchors()), SharePopular, w.Anchors()), time.Now)
		defer k.Close()
		k.Exchange(t.Context(), "www.signed.example.", dns.TypeA)
		time.Sleep(time.Hour)
		turning.change = each(toForger)
		if a := k.Exchange(t.Context(), "www.signed.example.", dns.TypeA); !a.Stale || answerText(a) != "NOERROR A 192.0.2.1" {
			t.Errorf("after a proved one: %+v", a)
		}
	})
}
