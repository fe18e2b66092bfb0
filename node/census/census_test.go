package census

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// member is one peer of a test network.
type member struct {
	*Census
	host *p2p.Host
	stop func()
	news chan wire.PeerID
}

func startMember(t *testing.T, n int, port string, join ...string) *member {
	t.Helper()
	h, err := p2p.New(p2p.Config{Key: key(n), Listen: []string{fmt.Sprintf("/ip4/127.%d.0.1/tcp/%s", n+1, port)}})
	if err != nil {
		t.Fatal(err)
	}
	m := &member{host: h, news: make(chan wire.PeerID, 1000)}
	m.Census, err = New(Config{
		Host: h, Key: key(n), Join: join, LoopbackOK: true, Software: "atoll/test",
		Space: func() Space { return Space{FreeBytes: uint64(n), QuotaBytes: 100} },
		News:  func(i Info) { m.news <- i.Peer },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	m.stop = sync.OnceFunc(func() { h.Close(); cancel(); running.Wait() })
	t.Cleanup(m.stop)
	return m
}

// until waits for a state of the network that must come by itself.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func alive(m *member) (n int) {
	for _, i := range m.Known() {
		if !i.Suspect {
			n++
		}
	}
	return n
}

func TestPeersComeToKnowEachOtherAndNoticeDeathAndReturn(t *testing.T) {
	const peers = 10
	members := []*member{startMember(t, 0, "0")}
	first := members[0].host.Addresses()[0]
	for n := 1; n < peers; n++ {
		members = append(members, startMember(t, n, "0", first))
	}
	begin := time.Now()
	until(t, "all know each other", func() bool {
		for _, m := range members {
			if alive(m) != peers-1 {
				return false
			}
		}
		return true
	})
	t.Logf("%d peers know each other after %v", peers, time.Since(begin))
	for _, i := range members[3].Known() {
		if i.Peer == peerOf(5) && (i.FreeBytes != 5 || i.QuotaBytes != 100 || i.Group != "127.6.0.0/16" || i.Software != "atoll/test" || len(i.Addresses) != 1) {
			t.Errorf("what is known of peer 5: %+v", i)
		}
	}
	if n := len(members[3].Candidates()); n != peers-2 { // peer 0 offers nothing
		t.Errorf("%d candidates, want %d", n, peers-2)
	}

	victim := members[5]
	address := victim.host.Addresses()[0]
	victim.stop()
	until(t, "those connected to it notice a death", func() bool {
		for _, m := range []*member{members[0], members[3]} {
			m.Lost(peerOf(5))
			if i, ok := m.Lookup(peerOf(5)); !ok || !i.Suspect {
				return false
			}
		}
		return true
	})
	port := strings.Split(address, "/")[4]
	members[5] = startMember(t, 5, port, first)
	until(t, "all notice the return", func() bool {
		for _, m := range members {
			if alive(m) != peers-1 {
				return false
			}
		}
		return true
	})
}

func TestPeersThatOthersKnowAreMet(t *testing.T) {
	a, b := startMember(t, 1, "0"), startMember(t, 2, "0")
	// As mDNS or the DHT would: a connection, and nothing else.
	if _, err := a.host.Connect(t.Context(), b.host.Addresses()[0]); err != nil {
		t.Fatal(err)
	}
	until(t, "a connection makes peers known to each other", func() bool { return alive(a) == 1 && alive(b) == 1 })
	if p := <-a.news; p != peerOf(2) {
		t.Errorf("news of %v", p)
	}
	a.Seen(peerOf(2))
	if i, ok := a.Lookup(peerOf(2)); !ok || i.Suspect || !i.Connected {
		t.Errorf("Lookup = %+v, %v", i, ok)
	}
}

func TestHostileExchangesHarmNobody(t *testing.T) {
	m := startMember(t, 1, "0")
	h, err := p2p.New(p2p.Config{Key: key(2), Listen: []string{"/ip4/127.3.0.1/tcp/0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.Connect(t.Context(), m.host.Addresses()[0]); err != nil {
		t.Fatal(err)
	}
	self, other := recordOf(2, 1, "/ip4/127.3.0.1/tcp/1"), recordOf(3, 1, "/ip4/127.4.0.1/tcp/1")
	prints := make([]uint64, bucketCount)
	forged := other
	forged.Record.FreeBytes++
	many := make([]signed, recordsMax+1)
	for i := range many {
		many[i] = other
	}
	for name, sent := range map[string][]byte{
		"garbage":          framed([]byte("garbage")),
		"oversized":        binary.BigEndian.AppendUint32(nil, helloBytesMax+1),
		"cut short":        {0, 0, 1},
		"another's record": framed(wire.Marshal(hello{Self: other, Prints: prints})),
		"few prints":       framed(wire.Marshal(hello{Self: self, Prints: prints[:3]})),
		"forged self":      framed(wire.Marshal(hello{Self: signed{Record: self.Record}, Prints: prints})),
		"oversized rest": append(framed(wire.Marshal(hello{Self: self, Prints: prints})),
			binary.BigEndian.AppendUint32(nil, recordsBytesMax+1)...),
		"many records": append(framed(wire.Marshal(hello{Self: self, Prints: prints})), framed(wire.Marshal(rest{Records: many}))...),
		"forged record": append(framed(wire.Marshal(hello{Self: self, Prints: prints})),
			framed(wire.Marshal(rest{Records: []signed{forged}}))...),
	} {
		s, err := h.Open(t.Context(), m.host.Self(), Protocol)
		if err != nil {
			t.Fatal(err)
		}
		s.SetDeadline(time.Now().Add(20 * time.Second))
		s.Write(sent)
		s.CloseWrite()
		if _, err := io.ReadAll(s); err == nil {
			t.Errorf("%s: the exchange ended well", name)
		}
	}
	if _, ok := m.Lookup(peerOf(3)); ok {
		t.Error("a forged record was taken")
	}
}

func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

func TestHostileAnswersHarmNobody(t *testing.T) {
	self, other := recordOf(2, 1, "/ip4/127.3.0.1/tcp/1"), recordOf(3, 1, "/ip4/127.4.0.1/tcp/1")
	prints := make([]uint64, bucketCount)
	for name, sent := range map[string][]byte{
		"garbage":          framed([]byte("garbage")),
		"oversized":        binary.BigEndian.AppendUint32(nil, recordsBytesMax+1),
		"another's record": framed(wire.Marshal(reply{Self: other, Prints: prints})),
		"few prints":       framed(wire.Marshal(reply{Self: self, Prints: prints[:3]})),
		"forged record":    framed(wire.Marshal(reply{Self: self, Prints: prints, Records: []signed{{Record: other.Record}}})),
	} {
		m := startMember(t, 1, "0")
		h, err := p2p.New(p2p.Config{Key: key(2), Listen: []string{"/ip4/127.3.0.1/tcp/0"}})
		if err != nil {
			t.Fatal(err)
		}
		h.Handle(Protocol, p2p.Limits{}, func(_ context.Context, _ wire.PeerID, s *p2p.Stream) {
			if _, err := frame.Read(s, helloBytesMax); err == nil {
				s.Write(sent)
			}
		})
		if _, err := h.Connect(t.Context(), m.host.Addresses()[0]); err != nil {
			t.Fatal(err)
		}
		if err := m.exchange(t.Context(), peerOf(2)); err == nil {
			t.Errorf("%s: the exchange ended well", name)
		}
		if _, ok := m.Lookup(peerOf(3)); ok {
			t.Errorf("%s: a record was taken", name)
		}
		h.Close()
		m.stop()
	}
}

func TestClockSetBackDoesNotSilenceAPeer(t *testing.T) {
	clock := time.Unix(2e9, 0)
	h, err := p2p.New(p2p.Config{Key: key(1)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	c, err := New(Config{Host: h, Key: key(1), Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := c.present()
	again, err := New(Config{Host: h, Key: key(1), Now: func() time.Time { return clock }}) // restarted
	if err != nil {
		t.Fatal(err)
	}
	clock = time.Unix(1e9, 0)
	if first, _ := again.present(); first.Record.Seq >= before.Record.Seq {
		t.Fatal("the clock was not set back")
	}
	if err := again.merge(before, false); err != nil {
		t.Fatal(err)
	}
	after, _ := again.present()
	if after.Record.Seq <= before.Record.Seq {
		t.Errorf("record %d after %d: others will not take it", after.Record.Seq, before.Record.Seq)
	}
	if same, _ := again.present(); same.Record.Seq != after.Record.Seq {
		t.Error("a record that says the same was signed again")
	}
	if _, err := New(Config{Host: h, Key: key(1), Domain: strings.Repeat("x", 65)}); err == nil {
		t.Error("a domain of 65 bytes was accepted")
	}
}
