package p2p

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/atollnet/atoll/internal/wire"
)

func testInvite(t testing.TB) (wire.PeerID, string) {
	t.Helper()
	p := wire.PeerID(wire.NewKey([32]byte{7}).Public())
	text, err := EncodeInvite(p, []string{"/ip4/192.0.2.7/tcp/4707/p2p/" + p.String(), "/dns4/peer.example.test/udp/4707/quic-v1"})
	if err != nil {
		t.Fatal(err)
	}
	return p, text
}

func TestInviteRoundTrip(t *testing.T) {
	p, text := testInvite(t)
	i, err := ParseInvite(text)
	if err != nil || i.Peer != p || strings.Join(i.Addresses, " ") != "/ip4/192.0.2.7/tcp/4707 /dns4/peer.example.test/udp/4707/quic-v1" {
		t.Errorf("ParseInvite = %+v, %v", i, err)
	}
	i, err = ParseInvite("/ip4/192.0.2.7/tcp/4707/p2p/" + p.String())
	if err != nil || i.Peer != p || len(i.Addresses) != 1 {
		t.Errorf("ParseInvite of a multiaddress = %+v, %v", i, err)
	}
}

func TestInviteTypoIsCaught(t *testing.T) {
	_, text := testInvite(t)
	for i := len(invitePrefix); i < len(text); i++ {
		c := byte('a')
		if text[i] == c {
			c = 'b'
		}
		if _, err := ParseInvite(text[:i] + string(c) + text[i+1:]); !errors.Is(err, ErrInvite) {
			t.Errorf("a typo at %d: %v", i, err)
		}
	}
}

func TestInviteRefusesTheMalformed(t *testing.T) {
	p, text := testInvite(t)
	many := make([][]byte, inviteAddressesMax+1)
	for i := range many {
		many[i] = ma.StringCast("/ip4/192.0.2.7/tcp/1").Bytes()
	}
	seal := func(b inviteBody) string {
		e := wire.Marshal(b)
		return invitePrefix + wire.EncodeText(append(e, checksum(e)...))
	}
	for name, bad := range map[string]string{
		"empty":           "",
		"prefix alone":    invitePrefix,
		"cut short":       text[:len(text)-3],
		"upper case":      strings.ToUpper(text),
		"trailing space":  text + " ",
		"oversized":       invitePrefix + strings.Repeat("a", 1<<16),
		"no peer":         "/ip4/192.0.2.7/tcp/4707",
		"format 2":        seal(inviteBody{Format: 2, Peer: p}),
		"many addresses":  seal(inviteBody{Format: 1, Peer: p, Addresses: many}),
		"not an address":  seal(inviteBody{Format: 1, Peer: p, Addresses: [][]byte{{0xff, 0xff}}}),
		"an RSA peer":     "/ip4/192.0.2.7/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
		"a shell command": "rm -rf /",
	} {
		if _, err := ParseInvite(bad); !errors.Is(err, ErrInvite) {
			t.Errorf("%s: %v, want ErrInvite", name, err)
		}
	}
	if _, err := EncodeInvite(p, []string{"/dns4/" + strings.Repeat("x", 3000) + "/tcp/1"}); !errors.Is(err, ErrInvite) {
		t.Errorf("an address of 3000 bytes was taken: %v", err)
	}
}

func FuzzParseInvite(f *testing.F) {
	_, text := testInvite(f)
	f.Add(text)
	f.Fuzz(func(t *testing.T, s string) {
		i, err := ParseInvite(s)
		if err != nil || !strings.HasPrefix(s, invitePrefix) {
			return
		}
		if again, err := EncodeInvite(i.Peer, i.Addresses); err != nil || again != s {
			t.Fatalf("%q parses but encodes to %q, %v", s, again, err)
		}
	})
}

func TestBookIsBoundedAndForgiving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers.json")
	b := &book{path: path}
	var met []remembered
	for i := range 2 * bookPeersMax {
		met = append(met, remembered{wire.PeerID{byte(i), byte(i >> 8)}, []string{"/ip4/127.0.0.1/tcp/1"}})
	}
	b.meet(met[:bookPeersMax])
	b.meet(met[bookPeersMax:])
	if got := b.Peers(); len(got) != bookPeersMax || got[0].Peer != met[bookPeersMax].Peer {
		t.Errorf("%d peers, limit %d; the first is not the last met", len(got), bookPeersMax)
	}
	if err := b.save(); err != nil {
		t.Fatal(err)
	}
	again, err := openBook(path)
	if err != nil || len(again.Peers()) != bookPeersMax {
		t.Errorf("reopened: %d peers, %v", len(again.Peers()), err)
	}
	for _, bad := range []string{"", "{", `{"peers":7}`, `{"peers":[{"peer":"x","addresses":["y"]}]}`, strings.Repeat("[", 1<<20)} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := openBook(path); err != nil || len(b.Peers()) != 0 {
			t.Errorf("a damaged book: %v, %v", b.Peers(), err)
		}
	}
}

func TestGroup(t *testing.T) {
	for text, want := range map[string]string{
		"/ip4/127.3.0.1/tcp/1":                "127.3.0.0/16",
		"/ip4/127.3.200.9/udp/1/quic-v1":      "127.3.0.0/16",
		"/ip6/2001:db8:1:2::3/tcp/1":          "2001:db8::/32",
		"/ip6/::ffff:192.0.2.1/tcp/1":         "192.0.0.0/16",
		"/dns4/peer.example.test/tcp/1":       "",
		"/ip4/10.1.2.3/tcp/1/p2p-circuit":     "10.1.0.0/16",
		"/ip6zone/eth0/ip6/fe80::1/tcp/1":     "fe80::/32",
		"/ip6/2001:db8:ffff::1/udp/1/quic-v1": "2001:db8::/32",
	} {
		if got := Group(ma.StringCast(text)); got != want {
			t.Errorf("Group(%s) = %q, want %q", text, got, want)
		}
	}
}
