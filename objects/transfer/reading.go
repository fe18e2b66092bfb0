package transfer

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// reading is one Read.
type reading struct {
	f      *Fetcher
	id     wire.ExtentID
	m      *extent.Manifest
	code   *extent.Code
	roster *roster
}

// decodersMax bounds the goroutines that decode for one Read.
const decodersMax = 4

// run fetches part after part, ahead of what is delivered, and delivers.
func (r *reading) run(ctx context.Context, parts []part, yield func(int, []byte) error) error {
	var admitted admissions
	defer admitted.releaseAll(r.f.ahead)
	admit := func(i int) bool { return admitted.take(r.f.ahead, i, parts[i].length*int(r.m.K)) }
	fetch := func(ctx context.Context, i int) (pieces, error) { return r.collect(ctx, parts[i]) }
	return ordered(ctx, len(parts), fetchBatchesAhead, admit, fetch, func(i int, got pieces) error {
		// What is being delivered is no longer ahead of anything.
		admitted.release(r.f.ahead, i)
		return r.deliver(ctx, parts[i], got, yield)
	})
}

// deliver decodes the stripes of a part and yields them in order.
func (r *reading) deliver(ctx context.Context, p part, got pieces, yield func(int, []byte) error) error {
	decode := func(_ context.Context, i int) ([]byte, error) { return r.decode(p, got, p.from+i) }
	ahead := min(runtime.GOMAXPROCS(0), decodersMax)
	return ordered(ctx, p.to-p.from, ahead, nil, decode, func(i int, block []byte) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return yield(p.from+i, block)
	})
}

// decode restores the block of a stripe from proved pieces.
func (r *reading) decode(p part, got pieces, stripe int) ([]byte, error) {
	offset, n := r.m.Fragment(stripe)
	offset -= p.offset
	fragments := make([][]byte, r.m.N)
	for share, piece := range got {
		fragments[share] = piece[offset : offset+n : offset+n]
	}
	block, err := r.code.Join(fragments, int(r.m.Stripes[stripe].Length))
	if err == nil && wire.BlockHash(wire.Sum(block)) == r.m.Stripes[stripe].Hash {
		return block, nil
	}
	cause := fmt.Errorf("%w: stripe %d", ErrCoding, stripe)
	return nil, errs.Hint(errs.New("read extent", r.id.String(), errs.Damaged, cause),
		"whoever stored this encoded it wrongly; no other peer can restore it")
}

// admissions are the bytes that one Read has fetched ahead, by part.
type admissions struct {
	mu sync.Mutex
	by map[int]int
}

// take occupies bytes of the gate for a part.
func (a *admissions) take(g *gate, part, bytes int) bool {
	if !g.take(wire.PeerID{}, bytes) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = make(map[int]int)
	}
	a.by[part] = bytes
	return true
}

// release gives back what take has occupied for a part, if it has.
func (a *admissions) release(g *gate, part int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if bytes, ok := a.by[part]; ok {
		g.give(wire.PeerID{}, bytes)
		delete(a.by, part)
	}
}

func (a *admissions) releaseAll(g *gate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for part, bytes := range a.by {
		g.give(wire.PeerID{}, bytes)
		delete(a.by, part)
	}
}
