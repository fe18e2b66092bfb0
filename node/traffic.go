package node

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
)

// busyBytes is how much users of this peer must have moved lately for
// background work to give way, and lately how long that is.
const (
	busyBytes = 256 << 10
	lately    = time.Second
)

// traffic counts what the user of this peer moves.
type traffic struct {
	bytes atomic.Int64 // since since
	since atomic.Int64 // Unix milliseconds
	busy  atomic.Bool  // in the period before
}

func (t *traffic) note(n int) {
	t.turn()
	t.bytes.Add(int64(n))
}

// turn begins a new period when one is over.
func (t *traffic) turn() {
	now := time.Now().UnixMilli()
	since := t.since.Load()
	if age := now - since; (age >= lately.Milliseconds() || age < 0) && t.since.CompareAndSwap(since, now) {
		t.busy.Store(t.bytes.Swap(0) >= busyBytes && age < 2*lately.Milliseconds())
	}
}

func (t *traffic) isBusy() bool {
	t.turn()
	return t.busy.Load() || t.bytes.Load() >= busyBytes
}

// userNetwork is the network as the user's requests see it.
type userNetwork struct {
	cappedNetwork
	traffic *traffic
}

func (u userNetwork) Open(ctx context.Context, peer wire.PeerID, protocol string) (transfer.Stream, error) {
	s, err := u.cappedNetwork.Open(ctx, peer, protocol)
	if err != nil {
		return nil, err
	}
	return counted{s, u.traffic}, nil
}

// counted is a user's stream.
type counted struct {
	transfer.Stream
	traffic *traffic
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Stream.Read(b)
	c.traffic.note(n)
	return n, err
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Stream.Write(b)
	c.traffic.note(n)
	return n, err
}
