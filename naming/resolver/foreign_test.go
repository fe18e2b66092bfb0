package resolver

import (
	"context"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
)

// liar is an upstream that answers every question alike.
type liar Answer

func (l liar) Exchange(context.Context, string, uint16) Answer { return Answer(l) }

func records(t *testing.T, lines string) (all []dns.RR) {
	t.Helper()
	for line := range strings.Lines(lines) {
		rr, err := dns.NewRR(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return all
}

// An upstream tells of what it was asked, and of nothing that a zone can be asked
// for and be checked.
func TestALyingUpstream(t *testing.T) {
	w, root := rooted(t)
	root.set("www", "A", "192.0.2.1")
	root.publish()
	for _, c := range []struct {
		what, answer, want string
		rcode              int
	}{
		{"another name's address", `www.example. 300 IN A 192.0.2.5
			bank.example. 300 IN A 192.0.2.66`, "NOERROR; 300 IN A 192.0.2.5", 0},
		{"the address of a name in a zone of ours", `www.example. 300 IN CNAME www.test.
			www.test. 300 IN A 192.0.2.66`, "NOERROR; 300 IN CNAME www.test.; 300 IN A 192.0.2.1", 0},
		{"of a name there that does not exist", `www.example. 300 IN CNAME no.test.
			no.test. 300 IN A 192.0.2.66`, "NXDOMAIN; 300 IN CNAME no.test.; 2 NSEC3", 0},
		{"of this machine", `www.example. 300 IN CNAME localhost.
			localhost. 300 IN A 192.0.2.66`, "NOERROR; 300 IN CNAME localhost.; 3600 IN A 127.0.0.1", 0},
		{"an alias that it may follow", `www.example. 300 IN CNAME web.example.
			web.example. 300 IN A 192.0.2.5`, "NOERROR; 300 IN CNAME web.example.; 300 IN A 192.0.2.5", 0},
		{"an alias of itself", `www.example. 300 IN CNAME www.example.`, "NOERROR; 300 IN CNAME www.example.", 0},
		{"that a name in a zone of ours does not exist", `www.example. 300 IN CNAME www.test.`,
			"NOERROR; 300 IN CNAME www.test.; 300 IN A 192.0.2.1", dns.RcodeNameError},
		{"that its own does not", `www.example. 300 IN CNAME web.example.`, "NXDOMAIN; 300 IN CNAME web.example.", dns.RcodeNameError},
		{"another class", `www.example. 300 CH A 192.0.2.66`, "NOERROR", 0},
	} {
		r := New(Config{Records: w, Roots: func() []Root { return w.roots }, Key: wire.NewKey([32]byte{9, 9}), Now: w.clock, Upstream: liar{Rcode: c.rcode, Answer: records(t, c.answer)}})
		if got := w.ask(r, "www.example."); got != c.want {
			t.Errorf("%s: %s", c.what, got)
		}
		r.Close()
	}
}

// What an upstream has checked is secure, unless something of it is left out.
func TestWhatAnUpstreamHasChecked(t *testing.T) {
	w, _ := rooted(t)
	for answer, want := range map[string]string{
		`www.example. 300 IN A 192.0.2.5`: "NOERROR; secure; 300 IN A 192.0.2.5",
		`www.example. 300 IN A 192.0.2.5
		bank.example. 300 IN A 192.0.2.66`: "NOERROR; 300 IN A 192.0.2.5",
	} {
		r := New(Config{Records: w, Roots: func() []Root { return w.roots }, Key: wire.NewKey([32]byte{9, 9}), Now: w.clock, Upstream: liar{Answer: records(t, answer), Secure: true}})
		if got := w.ask(r, "www.example."); got != want {
			t.Errorf("%s: %s", answer, got)
		}
		r.Close()
	}
}
