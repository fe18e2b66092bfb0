package upstream

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// listen opens one port for UDP and TCP. One that is free for the one may be taken
// for the other.
func listen(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if streams, err := net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			return packets, streams
		}
		packets.Close()
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}

// serve answers DNS on loopback, over UDP and TCP at one port, until the test
// ends.
func serve(t *testing.T, handle func(w dns.ResponseWriter, m *dns.Msg)) string {
	t.Helper()
	packets, streams := listen(t)
	for _, s := range []*dns.Server{{PacketConn: packets}, {Listener: streams}} {
		s.Handler = dns.HandlerFunc(handle)
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go s.ActivateAndServe()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return packets.LocalAddr().String()
}

func reply(m *dns.Msg, record string) *dns.Msg {
	r := new(dns.Msg).SetReply(m)
	if record != "" {
		rr, err := dns.NewRR(record)
		if err != nil {
			panic(err)
		}
		r.Answer = []dns.RR{rr}
	}
	return r
}

func good(w dns.ResponseWriter, m *dns.Msg) {
	w.WriteMsg(reply(m, "www.example.com. 60 IN A 192.0.2.1"))
}

func TestExchange(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	closed := "127.0.0.1:1"
	for _, c := range []struct {
		name    string
		servers []string
		rcode   int
		want    string // part of the answer, or of the error's text
	}{
		{"an answer", []string{serve(t, good)}, dns.RcodeSuccess, "192.0.2.1"},
		{"the first is dead", []string{closed, serve(t, good)}, dns.RcodeSuccess, "192.0.2.1"},
		{"the first fails", []string{serve(t, func(w dns.ResponseWriter, m *dns.Msg) {
			w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeServerFailure))
		}), serve(t, good)}, dns.RcodeSuccess, "192.0.2.1"},
		{"all are dead", []string{closed}, dns.RcodeServerFailure, "no upstream resolver answers"},
		{"an answer to another question", []string{serve(t, func(w dns.ResponseWriter, m *dns.Msg) {
			r := reply(m, "www.example.com. 60 IN A 192.0.2.66")
			r.Question[0].Name = "bank.example."
			w.WriteMsg(r)
		})}, dns.RcodeServerFailure, "another question"},
		{"no such name", []string{serve(t, func(w dns.ResponseWriter, m *dns.Msg) {
			w.WriteMsg(new(dns.Msg).SetRcode(m, dns.RcodeNameError))
		})}, dns.RcodeNameError, ""},
		{"truncated, whole over TCP", []string{serve(t, func(w dns.ResponseWriter, m *dns.Msg) {
			r := reply(m, "")
			if _, packet := w.RemoteAddr().(*net.UDPAddr); packet {
				r.Truncated = true
			} else {
				r = reply(m, "www.example.com. 60 IN A 192.0.2.1")
			}
			w.WriteMsg(r)
		})}, dns.RcodeSuccess, "192.0.2.1"},
	} {
		f, err := New(c.servers, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		a := f.Exchange(t.Context(), "www.example.com.", dns.TypeA)
		var text strings.Builder
		for _, rr := range a.Answer {
			text.WriteString(rr.String())
		}
		if a.Extra != nil {
			text.WriteString(a.Extra.Text)
		}
		if a.Rcode != c.rcode || !strings.Contains(text.String(), c.want) || a.Secure {
			t.Errorf("%s: code %d, secure %v, %q", c.name, a.Rcode, a.Secure, text.String())
		}
		if a.Until.Before(now) || a.Until.After(now.Add(ttlMax*time.Second)) {
			t.Errorf("%s: given until %v", c.name, a.Until)
		}
	}
}

func TestWhoFailedIsAskedLast(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	f, err := New([]string{"127.0.0.1:1", serve(t, good)}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if got := f.order(); got[0] != 0 {
		t.Errorf("at first the order is %v", got)
	}
	f.Exchange(t.Context(), "www.example.com.", dns.TypeA)
	if got := f.order(); got[0] != 1 {
		t.Errorf("after the first failed the order is %v", got)
	}
	now = now.Add(2 * failedFor)
	if got := f.order(); got[0] != 0 {
		t.Errorf("later the order is %v", got)
	}
}

func TestASlowServerDoesNotHoldUpForever(t *testing.T) {
	f, err := New([]string{serve(t, func(dns.ResponseWriter, *dns.Msg) {})}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if a := f.Exchange(ctx, "www.example.com.", dns.TypeA); a.Rcode != dns.RcodeServerFailure {
		t.Errorf("code %d", a.Rcode)
	}
}

func TestServersAreParsed(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.53": "192.0.2.53:53", "192.0.2.53:5353": "192.0.2.53:5353", "2001:db8::1": "[2001:db8::1]:53",
		"[2001:db8::1]:54": "[2001:db8::1]:54", "tls://192.0.2.53": "192.0.2.53:853", "tls://dns.example@192.0.2.53:443": "192.0.2.53:443",
	} {
		s, err := parse(text)
		if err != nil || s.addr != want || (s.tls != nil) != strings.HasPrefix(text, "tls://") {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "dns.example", "https://192.0.2.1", "tls://dns.example"} {
		if _, err := parse(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if _, err := New(make([]string, ServersMax+1), time.Now); err == nil {
		t.Error("too many are taken")
	}
}
