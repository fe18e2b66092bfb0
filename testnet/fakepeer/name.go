package fakepeer

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/miekg/dns"
)

// address is what the fake network gives for every name.
const address = "192.0.2.7"

// serveDNS answers every question with the same address, checked, until the
// context ends, and returns where.
func serveDNS(ctx context.Context, at, how string) (string, error) {
	if at == "" {
		return "", nil
	}
	conn, err := net.ListenPacket("udp", at)
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg).SetReply(q)
		r.AuthenticatedData = how != Corrupt
		r.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.ParseIP(address)}}
		_ = w.WriteMsg(r) // who asked will ask again
	})}
	go func() { _ = s.ActivateAndServe() }() // it ends with its socket
	return conn.LocalAddr().String(), nil
}

// links is the directory of what names stand for, in the fake network's store.
const links = ".names"

// name plays `peerctl name`: of links it keeps what they stand for.
func name(args []string) error {
	if args[0] != "link" { // link LABEL.ZONE REF
		return nil
	}
	dir := filepath.Join(store(), links)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, args[1]), []byte(inStore(args[2])), 0o644)
}

// named returns where something is kept that a reference names, or a name under
// the network's own suffix and a path.
func named(ref string) string {
	label, path, isName := strings.Cut(ref, ".test/")
	if !isName {
		return inStore(ref)
	}
	at, err := os.ReadFile(filepath.Join(store(), links, label))
	if err != nil {
		return inStore(ref)
	}
	return filepath.Join(string(at), path)
}
