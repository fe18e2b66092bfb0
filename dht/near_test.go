package dht

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	kb "github.com/libp2p/go-libp2p-kbucket"

	"github.com/atollnet/atoll/internal/wire"
)

// Where all peers are known, a record goes to the nearest at once, and to others
// in place of those that do not confirm it.
func TestARecordGoesToTheNearestThatAreKnown(t *testing.T) {
	const n = closestPeers + 4
	var mu sync.Mutex
	var known []wire.PeerID
	members := startMembersWith(t, n, func(c *Config) {
		self := c.Host.Self()
		c.Others = func() []wire.PeerID {
			mu.Lock()
			defer mu.Unlock()
			return slices.DeleteFunc(slices.Clone(known), func(p wire.PeerID) bool { return p == self })
		}
		c.patience = time.Second
	})
	mu.Lock()
	for _, m := range members {
		known = append(known, m.host.Self())
	}
	mu.Unlock()
	writer, others := members[0], slices.Clone(members[1:])
	later := time.Now().Add(time.Hour)
	put := func(id wire.RecordID) {
		t.Helper()
		value := makeRecord(id, 1, later)
		until(t, "twenty peers confirm a record", func() bool {
			confirmed, err := writer.PutRecord(t.Context(), wire.RecordName, id, value)
			if err != nil {
				t.Fatal(err)
			}
			return confirmed == closestPeers
		})
		target := kb.ConvertKey(recordKey(wire.RecordName, id))
		slices.SortFunc(others, func(a, b *member) int {
			return bytes.Compare(kb.Xor(kb.ConvertPeerID(a.id), target), kb.Xor(kb.ConvertPeerID(b.id), target))
		})
		for i, m := range others[:closestPeers] {
			if got, found := m.Held(t.Context(), wire.RecordName, id); !found || !bytes.Equal(got, value) {
				t.Errorf("the peer of rank %d has %x", i, got)
			}
		}
	}
	until(t, "all are known", func() bool { return len(writer.nearestKnown("x", n)) == n-1 })
	put(recordID(1))
	if got := writer.nearestKnown(recordKey(wire.RecordName, recordID(1)), closestPeers); len(got) != closestPeers || got[0] != others[0].id || got[closestPeers-1] != others[closestPeers-1].id {
		t.Errorf("the nearest that are known are %v", got)
	}
	others[0].stop() // and is still thought to live
	others = others[1:]
	put(recordID(2))
}
