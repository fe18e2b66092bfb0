package runner

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// mesh joins the hosts of a benchmark.
type mesh struct {
	hosts []*Host
	from  int
}

func (m *mesh) Send(to wire.PeerID, message []byte) {
	for i, h := range m.hosts {
		if peer(i) == to {
			h.Deliver(peer(m.from), message)
		}
	}
}

// ring starts n hosts with stores on disk.
func ring(b *testing.B, n int) ([]*Host, wire.ObjectID) {
	b.Helper()
	hosts := make([]*Host, n)
	g := newGenesis("home", n)
	for i := range n {
		store, err := kv.Open(b.TempDir(), kv.Options{})
		if err != nil {
			b.Fatal(err)
		}
		h, err := New(Config{Self: peer(i), Store: store, Executor: &toy{store: store}, Transport: &mesh{hosts, i}})
		if err != nil {
			b.Fatal(err)
		}
		hosts[i] = h
		b.Cleanup(func() { h.Close(); store.Close() })
	}
	for i, h := range hosts {
		if err := h.Create(context.Background(), g, ringKey(i)); err != nil {
			b.Fatal(err)
		}
	}
	return hosts, g.Body.ObjectID()
}

// One client that waits for each 4 KiB update, then 64 that write 256 bytes.
func BenchmarkRing(b *testing.B) {
	for _, n := range []int{1, 4, 7} {
		for _, c := range []struct{ clients, bytes int }{{1, 4096}, {64, 256}} {
			b.Run(fmt.Sprintf("members=%d/clients=%d", n, c.clients), func(b *testing.B) {
				hosts, object := ring(b, n)
				leader := newGenesis("home", n).Body.Ring().Leader(0)
				submitAll(b, hosts[leader], object, c.clients, c.bytes)
			})
		}
	}
}

func submitAll(b *testing.B, h *Host, object wire.ObjectID, clients, bytes int) {
	var count atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range clients {
		group.Go(func() {
			for i := count.Add(1); i <= int64(b.N); i = count.Add(1) {
				u := fmt.Appendf(make([]byte, bytes-20, bytes), "%20d", i)
				if _, err := h.Submit(context.Background(), object, u); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	head, _, err := h.Head(object)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(head.Commit.Decision.Version)/b.Elapsed().Seconds(), "versions/s")
}

// Offline check of a genesis and one certificate.
func BenchmarkVerifyHead(b *testing.B) {
	hosts, object := ring(b, 4)
	if _, err := hosts[0].Submit(context.Background(), object, []byte("x")); err != nil {
		b.Fatal(err)
	}
	head, _, err := hosts[0].Head(object)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := head.Verify(object); err != nil {
			b.Fatal(err)
		}
	}
}
