package dht

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	record "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"google.golang.org/protobuf/proto"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// serveRaw makes h answer every question of the DHT's protocol as reply says.
func serveRaw(h *p2p.Host, reply func(q *pb.Message, s *p2p.Stream)) {
	h.Handle(kadProtocol, p2p.Limits{PerPeer: p2p.Rate{PerSecond: 1e6, Burst: 1e6}}, func(_ context.Context, _ wire.PeerID, s *p2p.Stream) {
		r := bufio.NewReader(s)
		for {
			var q pb.Message
			if readMessage(r, &q) != nil {
				return
			}
			reply(&q, s)
		}
	})
}

func TestHostileAnswersHarmNobody(t *testing.T) {
	forged := makeHead(object(2), 9)
	for name, reply := range map[string]func(q *pb.Message, s *p2p.Stream){
		"garbage":   func(_ *pb.Message, s *p2p.Stream) { s.Write([]byte{5, 1, 2, 3, 4, 5}) },
		"oversized": func(_ *pb.Message, s *p2p.Stream) { s.Write(binary.AppendUvarint(nil, 1<<40)) },
		"cut short": func(_ *pb.Message, s *p2p.Stream) { s.Write([]byte{100, 1}); s.Close() },
		"reset":     func(_ *pb.Message, s *p2p.Stream) { s.Reset() },
		"empty":     func(_ *pb.Message, s *p2p.Stream) { writeMessage(s, &pb.Message{}) },
		"another object's head": func(q *pb.Message, s *p2p.Stream) {
			writeMessage(s, &pb.Message{Type: q.Type, Record: record.MakePutRecord(headKey(object(1)), forged)})
		},
		"invented peers": func(q *pb.Message, s *p2p.Stream) {
			var many []peer.AddrInfo
			for i := range 500 {
				p := wire.PeerID{byte(i), byte(i >> 8), 1}
				many = append(many, peer.AddrInfo{ID: p2p.ToLibp2p(p), Addrs: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/1")}})
			}
			many = append(many, peer.AddrInfo{ID: "not a key"})
			writeMessage(s, &pb.Message{Type: q.Type, CloserPeers: pb.RawPeerInfosToPBPeers(many), ProviderPeers: pb.RawPeerInfosToPBPeers(many[500:])})
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := startMember(t, 1, nil)
			h, err := p2p.New(hostConfig(2))
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			serveRaw(h, reply)
			if _, err := m.host.Connect(t.Context(), h.Addresses()[0]); err != nil {
				t.Fatal(err)
			}
			hostile := p2p.ToLibp2p(h.Self())
			enter := func() { m.kad.RoutingTable().TryAddPeer(hostile, true, false) }
			ctx, cancel := context.WithTimeout(t.Context(), busyMachine)
			defer cancel()
			enter()
			if _, err := m.Head(ctx, object(1)); !errors.Is(err, ErrNotFound) {
				t.Errorf("Head: %v", err)
			}
			enter()
			if n, err := m.PutHead(ctx, object(1), makeHead(object(1), 1)); n != 0 || err != nil {
				t.Errorf("PutHead: %d confirmed, %v", n, err)
			}
			enter()
			if got, err := m.Providers(ctx, extent(1), 5); err != nil || len(got) != 0 {
				t.Errorf("Providers: %v, %v", got, err)
			}
			if n := m.RoutingTableSize(); n > 1 {
				t.Errorf("%d peers in the routing table", n)
			}
		})
	}
}

func TestHostileQuestionsHarmNobody(t *testing.T) {
	m := startMember(t, 1, nil)
	h, err := p2p.New(hostConfig(2))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Connect(t.Context(), m.host.Addresses()[0]); err != nil {
		t.Fatal(err)
	}
	for name, sent := range map[string][]byte{
		"garbage":       {5, 1, 2, 3, 4, 5},
		"oversized":     binary.AppendUvarint(nil, 1<<40),
		"cut short":     {100, 1},
		"unknown kind":  framed(t, &pb.Message{Type: 99}),
		"no key":        framed(t, &pb.Message{Type: pb.Message_PUT_VALUE}),
		"no record":     framed(t, &pb.Message{Type: pb.Message_PUT_VALUE, Key: []byte(headKey(object(1)))}),
		"foreign key":   framed(t, put("/pk/x", []byte("x"))),
		"bad object":    framed(t, put("/atoll-head/x", []byte("x"))),
		"forged":        framed(t, put(headKey(object(1)), []byte("x"))),
		"over the size": framed(t, put(headKey(object(1)), make([]byte, wire.HeadBytesMax+1))),
		"other's claim": framed(t, &pb.Message{Type: pb.Message_ADD_PROVIDER, Key: []byte(providerKey(extent(1))),
			ProviderPeers: pb.RawPeerInfosToPBPeers([]peer.AddrInfo{{ID: "someone", Addrs: m.host.Libp2p().Addrs()}})}),
	} {
		s, err := h.Open(t.Context(), m.host.Self(), kadProtocol)
		if err != nil {
			t.Fatal(err)
		}
		s.SetDeadline(time.Now().Add(busyMachine))
		s.Write(sent)
		s.CloseWrite()
		if got, _ := io.ReadAll(s); len(got) != 0 {
			t.Errorf("%s: answered with %d bytes", name, len(got))
		}
	}
	if len(m.table.heads.held) != 0 || m.table.providers != 0 {
		t.Errorf("%d heads and %d providers were stored", len(m.table.heads.held), m.table.providers)
	}
}

func put(key string, value []byte) *pb.Message {
	q := pb.NewMessage(pb.Message_PUT_VALUE, []byte(key), 0)
	q.Record = record.MakePutRecord(key, value)
	return q
}

func framed(t *testing.T, q *pb.Message) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeMessage(&b, q); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestQuestionsOverTheLimitEndTheStream(t *testing.T) {
	m := startMember(t, 1, nil)
	h, err := p2p.New(hostConfig(2))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Connect(t.Context(), m.host.Addresses()[0]); err != nil {
		t.Fatal(err)
	}
	s, err := h.Open(t.Context(), m.host.Self(), kadProtocol)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.SetDeadline(time.Now().Add(busyMachine))
	r, q := bufio.NewReader(s), put(headKey(object(1)), makeHead(object(1), 1))
	for i := range 2 * putRate.Burst {
		var answer pb.Message
		err := writeMessage(s, q)
		if err == nil {
			err = readMessage(r, &answer)
		}
		if err != nil {
			if i < putRate.Burst {
				t.Errorf("put %d of %d allowed ones: %v", i, putRate.Burst, err)
			}
			return
		}
	}
	t.Errorf("%d puts in a row, limit %d", 2*putRate.Burst, putRate.Burst)
}

// A peer that accepts everything and says nothing must not hold up the others.
func TestSilentPeerDoesNotHoldUpAWalk(t *testing.T) {
	members := startMembers(t, 5)
	reader := startPatient(t, 20, nil, 2*time.Second)
	join(t, reader, members[0])
	silent, err := p2p.New(hostConfig(50))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	var asked atomic.Int32
	serveRaw(silent, func(q *pb.Message, _ *p2p.Stream) {
		if q.GetType() == pb.Message_FIND_NODE && string(q.GetKey()) == headKey(object(1)) {
			asked.Add(1)
		}
	})
	if _, err := reader.host.Connect(t.Context(), silent.Addresses()[0]); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(2) {
		reader.kad.RoutingTable().TryAddPeer(p2p.ToLibp2p(silent.Self()), true, false)
		within(t, "a put", busyMachine/2, func() {
			if n, err := reader.PutHead(t.Context(), object(1), makeHead(object(1), n)); n != 5 || err != nil {
				t.Errorf("PutHead: %d of 5 confirmed, %v", n, err)
			}
		})
		if asked.Load() != 1 {
			t.Errorf("put %d: the silent peer has been asked %d times", n, asked.Load())
		}
	}
}

func FuzzReadMessage(f *testing.F) {
	b, err := proto.Marshal(put(headKey(object(1)), makeHead(object(1), 1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(binary.AppendUvarint(nil, uint64(len(b))), b...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var q pb.Message
		if readMessage(bufio.NewReader(bytes.NewReader(b)), &q) == nil {
			pb.PBPeersToPeerInfos(q.GetCloserPeers())
			(headValidator{testRule{}}).Validate(string(q.GetKey()), q.GetRecord().GetValue())
		}
	})
}
