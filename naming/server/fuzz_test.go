package server

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// odd are messages that are no plain questions.
func odd(t testing.TB) (all [][]byte) {
	t.Helper()
	for _, m := range []*dns.Msg{
		question("www.test.", dns.TypeA), question("big.test.", dns.TypeTXT, edns(1232, true)),
		question(strings.Repeat("x", 63)+".test.", dns.TypeA), question(strings.Repeat("abcdefg.", 31)+"test.", dns.TypeA),
		question(`a\000\.b\255.test.`, dns.TypeA), question(".", dns.TypeNS),
	} {
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b, b[:len(b)-1], append(bytes.Clone(b), 0))
	}
	plain := all[0]
	header := bytes.Clone(plain[:headerBytes])
	for _, rest := range []string{
		"\xc0\x0c\x00\x01\x00\x01",                                // a name that points at itself
		"\x01a\xc0\x0c\x00\x01\x00\x01",                           // and after a label
		"\x40" + strings.Repeat("a", 64) + "\x00\x00\x01\x00\x01", // a label of 64 bytes
		strings.Repeat("\x01a", 128) + "\x00\x00\x01\x00\x01",     // a name of 257 bytes
		"\x03www", "", "\x00",
	} {
		all = append(all, append(bytes.Clone(header), rest...))
	}
	return append(all, nil, make([]byte, headerBytes), bytes.Repeat([]byte{0xff}, 512))
}

// Whatever comes is answered with a message that parses and fits, or not at all.
func answered(t *testing.T, s *Server, b []byte) {
	t.Helper()
	from := netip.MustParseAddr("192.0.2.1")
	r := s.respond(context.Background(), b, from, overUDP)
	if r == nil {
		return
	}
	if len(r) > udpBytesMax || len(r) < headerBytes || r[0] != b[0] || r[1] != b[1] || r[2]&0x80 == 0 {
		t.Fatalf("%x is answered with %x", b, r)
	}
	m := new(dns.Msg)
	if err := m.Unpack(r); err != nil {
		t.Fatalf("%x is answered with %x: %v", b, r, err)
	}
	// What the fast way says is what the slow way says, but for the number of
	// the question and its spelling.
	var q query
	if !q.scan(b) {
		return
	}
	out := make([]byte, udpBytesMax)
	n := s.quick(&q, b, out)
	if n == 0 {
		return
	}
	again := new(dns.Msg)
	if err := again.Unpack(out[:n]); err != nil || len(m.Question) == 0 {
		t.Fatalf("%x from memory: %x, %v", b, out[:n], err)
	}
	if again.Id != m.Id || again.Question[0] != m.Question[0] || line(again) != line(m) {
		t.Fatalf("%x\nlooked up   %v\nfrom memory %v", b, m, again)
	}
}

func TestOddMessages(t *testing.T) {
	s := limited(t, &book{})
	for _, b := range odd(t) {
		answered(t, s, b)
	}
}

func FuzzMessage(f *testing.F) {
	for _, b := range odd(f) {
		f.Add(b)
	}
	s := limited(f, &book{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) <= queryBytesMax {
			answered(t, s, b)
		}
	})
}
