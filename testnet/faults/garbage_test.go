package faults

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	garbageSeed       = 12
	garbagePerKind    = 8
	garbageBytesMax   = 64 << 10
	garbageStreamTime = 2 * time.Second
)

// nonsense are ways to make messages that mean nothing.
var nonsense = []struct {
	name string
	make func(*rand.Rand) []byte
}{
	{"random bytes", noise},
	{"random frame", func(r *rand.Rand) []byte { return framed(noise(r)) }},
	{"empty frames", func(r *rand.Rand) []byte { return make([]byte, frame.HeaderBytes*(1+r.IntN(64))) }},
	{"oversized frame", func(r *rand.Rand) []byte { return append(header(1<<31+r.Uint32N(1<<31)), noise(r)...) }},
	{"frame cut off", func(r *rand.Rand) []byte { return append(header(256), noise(r)[:1+r.IntN(200)]...) }},
	{"list of random items", func(r *rand.Rand) []byte { return framed(append([]byte{0x80 + byte(r.IntN(12))}, noise(r)...)) }},
	{"deep nesting", func(r *rand.Rand) []byte { return framed(bytes.Repeat([]byte{0x81}, 1+r.IntN(4096))) }},
	{"huge promised list", func(*rand.Rand) []byte { return framed([]byte{0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) }},
	{"varint and random bytes", func(r *rand.Rand) []byte {
		n := noise(r)
		return append(binary.AppendUvarint(nil, uint64(len(n))), n...)
	}},
	{"endless varint", func(*rand.Rand) []byte { return bytes.Repeat([]byte{0xff}, 64) }},
}

// noise returns random bytes, at least 200.
func noise(r *rand.Rand) []byte {
	b := make([]byte, 200+r.IntN(garbageBytesMax))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func header(length uint32) []byte { return binary.BigEndian.AppendUint32(nil, length) }

func framed(payload []byte) []byte { return append(header(uint32(len(payload))), payload...) }

// garbage sends nonsense to a peer on every protocol: it stays up and works.
func garbage(t *testing.T, c *cluster) {
	const target, other = 3, 6
	before := c.peer(t, target)
	stranger := strangerTo(t, before.Address, before.ID)
	r := rand.New(rand.NewPCG(garbageSeed, 0))
	for _, protocol := range []string{"/atoll/share-put/1", "/atoll/share-get/1", "/atoll/census/1", "/atoll/kad/1.0.0"} {
		for _, n := range nonsense {
			t.Run(protocol+" "+n.name, func(t *testing.T) {
				for range garbagePerKind {
					stranger.send(t, protocol, n.make(r))
				}
			})
		}
	}
	unencrypted(t, tcp(t, before.Address), noise(r))
	if now := c.peer(t, target); now != before {
		t.Fatalf("the peer was %+v and is %+v", before, now)
	}
	content := random(13, 1<<20)
	ref := c.user(target).put(t, content, "home:/after-garbage").Reference
	c.user(other).reads(t, ref, content)
	c.user(target).reads(t, c.user(other).put(t, content, "home:/after-garbage").Reference, content)
}

// stranger is a host of the network that knows one peer.
type stranger struct {
	host *p2p.Host
	peer wire.PeerID
}

func strangerTo(t *testing.T, address, id string) stranger {
	t.Helper()
	seed := [32]byte{garbageSeed}
	host, err := p2p.New(p2p.Config{Key: wire.NewKey(seed)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	peer, err := host.Connect(t.Context(), fmt.Sprintf("%s/p2p/%s", address, id))
	if err != nil {
		t.Fatal(err)
	}
	return stranger{host, peer}
}

// send sends a message and reads whatever comes until the peer ends the stream
// or has had time enough. The peer may refuse at any point.
func (s stranger) send(t *testing.T, protocol string, message []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitMax)
	defer cancel()
	stream, err := s.host.Open(ctx, s.peer, protocol)
	if err != nil {
		t.Fatalf("the peer does not serve %s any more: %v", protocol, err)
	}
	defer stream.Reset()
	stream.SetDeadline(time.Now().Add(garbageStreamTime))
	if _, err := stream.Write(message); err == nil {
		stream.CloseWrite()
	}
	io.Copy(io.Discard, stream)
}

// tcp returns the address that a multiaddress of TCP over IPv4 names.
func tcp(t *testing.T, address string) string {
	t.Helper()
	parts := strings.Split(address, "/")
	if len(parts) != 5 || parts[1] != "ip4" || parts[3] != "tcp" {
		t.Fatalf("%q is no address of TCP over IPv4", address)
	}
	return net.JoinHostPort(parts[2], parts[4])
}

// unencrypted sends bytes to a port before any handshake.
func unencrypted(t *testing.T, address string, b []byte) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, waitMax)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(garbageStreamTime))
	conn.Write(b)
	io.Copy(io.Discard, conn)
}
