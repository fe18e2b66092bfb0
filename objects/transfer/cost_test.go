package transfer

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/atollnet/atoll/internal/wire"
)

// writes is a network that counts the writes to the streams it opens.
type writes struct {
	Network
	made atomic.Int64
}

func (w *writes) Open(ctx context.Context, peer wire.PeerID, protocol string) (Stream, error) {
	s, err := w.Network.Open(ctx, peer, protocol)
	return writesTo{s, &w.made}, err
}

type writesTo struct {
	Stream
	made *atomic.Int64
}

func (s writesTo) Write(b []byte) (int, error) {
	s.made.Add(1)
	return s.Stream.Write(b)
}

// What a put costs beside its bytes is streams, writes, and how often a holder
// is woken. Time depends on the machine; these do not.
func TestPutCostsFewStreamsWritesAndWakes(t *testing.T) {
	const (
		stripes = 4 * uploadStripesInFlight
		// wakesMax is how many blocks may set holders to work: one in each
		// burst of half of what is in flight. The first to be added also finds
		// them opening their streams.
		wakesMax = 2*stripes/uploadStripesInFlight + 1
		// writesMax is for each holder: the opening, each fragment, the empty
		// one, and the closing.
		writesMax = stripes + 3
	)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 32)
		network := &writes{Network: w}
		u, err := NewUpload(w.ctx, network, w.upload(16, 32))
		if err != nil {
			t.Fatal(err)
		}
		defer u.Abort()
		wakes := 0
		for _, b := range blocks(8, slices.Repeat([]int{100_000}, stripes)...) {
			before := network.made.Load()
			if _, err := u.Add(b); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if network.made.Load() > before {
				wakes++
			}
		}
		if _, err := u.Close(w.ctx); err != nil {
			t.Fatal(err)
		}
		if wakes > wakesMax {
			t.Errorf("%d of %d blocks woke the holders, at most %d should", wakes, stripes, wakesMax)
		}
		if made := network.made.Load(); made > writesMax*32 {
			t.Errorf("%d writes to 32 holders, at most %d each should be", made, writesMax)
		}
		for i, n := range w.nodes {
			if opened := n.opens(ProtocolPut); opened != 1 {
				t.Errorf("%d streams to holder %d, want one", opened, i)
			}
		}
	})
}
