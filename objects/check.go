package objects

import (
	"context"
	"io"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/update"
)

// extentsProbed is how many extents a check asks about at once.
const extentsProbed = 4

// ExtentHealth is what holders proved of one extent, just now.
type ExtentHealth struct {
	Extent wire.ExtentID
	K, N   int
	Alive  int // distinct shares that a holder proved
	Silent int // further ones whose holders could not be asked
	// RepairAt is the number of live shares at which it is repaired, and Risk
	// the probability that it is lost within a year.
	RepairAt int
	Risk     float64

	Holders []wire.PeerID
	Healthy bool
	Tree    bool // it holds nodes of the tree, not blocks of files
	Files   []string
	Err     error // why it is not healthy
}

// Health is the state of all that an entry stands on.
type Health struct {
	Version  wire.Version
	Files    int
	Bytes    int64
	Verified int64
	Alone    bool // this peer is the only holder
	Extents  []ExtentHealth
}

// filesNamedMax is how many files a check names for one extent.
const filesNamedMax = 16

// Check asks the holders of every extent below an entry, now and never from
// memory, to prove a range of each share. With verify it also reads every byte.
func (s *Snapshot) Check(ctx context.Context, e *Entry, hint []transfer.Source, verify bool, progress func(done, total int)) (Health, error) {
	h := Health{Version: s.Version}
	extents, err := s.extentsBelow(ctx, e, &h)
	if err != nil {
		return h, err
	}
	for _, source := range hint {
		extents[source.Extent] = &ExtentHealth{Extent: source.Extent, Tree: true}
	}
	sources := make(map[wire.ExtentID]transfer.Source, len(hint))
	for _, source := range hint {
		sources[source.Extent] = source
	}
	if err := s.probeAll(ctx, extents, sources, progress); err != nil {
		return h, err
	}
	holders := make(map[wire.PeerID]bool)
	for _, id := range slices.SortedFunc(maps.Keys(extents), compareExtents) {
		h.Extents = append(h.Extents, *extents[id])
		for _, p := range extents[id].Holders {
			holders[p] = true
		}
	}
	h.Alone = len(holders) == 1 && holders[s.g.Self]
	if verify {
		h.Verified, err = s.verify(ctx, e)
	}
	return h, err
}

func compareExtents(a, b wire.ExtentID) int { return slices.Compare(a[:], b[:]) }

// extentsBelow finds the extents that the files below an entry refer to.
func (s *Snapshot) extentsBelow(ctx context.Context, e *Entry, h *Health) (map[wire.ExtentID]*ExtentHealth, error) {
	extents := make(map[wire.ExtentID]*ExtentHealth)
	add := func(file *Entry) error {
		h.Files++
		h.Bytes += file.Size
		for w, err := range s.refs(ctx, file, 0, file.Size, func(int64) {}) {
			if err != nil {
				return err
			}
			if w.ref.IsInline() {
				continue
			}
			x := extents[w.ref.Extent]
			if x == nil {
				x = &ExtentHealth{Extent: w.ref.Extent}
				extents[w.ref.Extent] = x
			}
			if n := len(x.Files); n == 0 || (x.Files[n-1] != file.Path && n < filesNamedMax) {
				x.Files = append(x.Files, file.Path)
			}
		}
		return nil
	}
	switch e.Kind {
	case update.KindFile:
		return extents, add(e)
	case update.KindDir:
		for below, err := range s.Walk(ctx, e) {
			if err == nil && below.Kind == update.KindFile {
				err = add(below)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return extents, nil
}

func (s *Snapshot) probeAll(ctx context.Context, extents map[wire.ExtentID]*ExtentHealth, hinted map[wire.ExtentID]transfer.Source, progress func(done, total int)) error {
	var mu sync.Mutex
	done := 0
	probes, ctx := errgroup.WithContext(ctx)
	probes.SetLimit(extentsProbed)
	for id, x := range extents {
		probes.Go(func() error {
			source, known := hinted[id]
			if !known {
				var err error
				if source, err = s.source(ctx, id); err != nil {
					return err
				}
			}
			s.g.probe(ctx, x, source)
			mu.Lock()
			defer mu.Unlock()
			done++
			progress(done, len(extents))
			return ctx.Err()
		})
	}
	return probes.Wait()
}

// probe asks each holder of an extent for a proof.
func (g *Gateway) probe(ctx context.Context, x *ExtentHealth, source transfer.Source) {
	m, err := g.Fetcher.Manifest(ctx, source)
	if err != nil {
		x.Err = errs.New("check extent", x.Extent.String(), errs.TooFew, err)
		return
	}
	x.K, x.N = int(m.K), int(m.N)
	alive := transfer.Source{Extent: x.Extent}
	silent := make(map[int]bool)
	var mu sync.Mutex
	var asked sync.WaitGroup
	for _, held := range g.Fetcher.Holders(ctx, source) {
		asked.Go(func() {
			_, err := g.Fetcher.Probe(ctx, held.Peer, m, held.Share, g.nonce())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				silent[held.Share] = silent[held.Share] || !transfer.Denies(err)
				return
			}
			alive.Holders = append(alive.Holders, held)
		})
	}
	asked.Wait()
	for _, h := range alive.Holders {
		delete(silent, h.Share)
	}
	for _, is := range silent {
		if is {
			x.Silent++
		}
	}
	x.judge(g, alive)
}

// judge compares what is alive with the plan for the peers at hand: more must
// live than call for a repair. While there is no other peer, one copy here is
// all that can be had.
func (x *ExtentHealth) judge(g *Gateway, alive transfer.Source) {
	shares := make(map[int]bool)
	holders := make(map[wire.PeerID]bool)
	for _, h := range alive.Holders {
		shares[h.Share], holders[h.Peer] = true, true
	}
	x.Alive = len(shares)
	x.Holders = slices.SortedFunc(maps.Keys(holders), func(a, b wire.PeerID) int { return slices.Compare(a[:], b[:]) })
	goal := g.Assumed()
	x.RepairAt = g.Threshold(x.K, x.N)
	x.Risk = plan.RiskOn(goal, x.K, x.Alive, x.N, x.RepairAt, len(holders))
	needed := x.K
	if goal.Peers > 1 {
		needed = min(x.RepairAt+1, x.N)
	}
	thin := goal.Peers > 1 && g.Thin(alive)
	x.Healthy = x.Alive >= needed && !thin
	fail := func(kind errs.Kind, format string, args ...any) {
		x.Err = errs.Newf("check extent", x.Extent.String(), kind, format, args...)
	}
	switch {
	case x.Alive+x.Silent < x.K:
		fail(errs.Damaged, "%d shares answer and %d may come back, %d are needed", x.Alive, x.Silent, x.K)
	case x.Alive < x.K:
		fail(errs.TooFew, "%d shares answer, %d are needed", x.Alive, x.K)
	case x.Alive < needed:
		fail(errs.TooFew, "%d shares answer, %d make it safe", x.Alive, needed)
	case thin:
		fail(errs.TooFew, "its shares lie on %d of %d peers", len(x.Holders), goal.Peers)
		x.Err = errs.Hint(x.Err, "put it again to spread it")
	}
}

// nonce makes each probe ask for another range.
func (g *Gateway) nonce() (n [32]byte) {
	if _, err := io.ReadFull(g.Random, n[:]); err != nil {
		panic(err) // the system's generator does not fail
	}
	return n
}

// verify reads every byte below an entry.
func (s *Snapshot) verify(ctx context.Context, e *Entry) (verified int64, err error) {
	if e.Kind == update.KindFile {
		err = s.ReadFile(ctx, e, 0, -1, io.Discard)
		return e.Size, err
	}
	err = s.ReadTree(ctx, e, nil, func(e *Entry, content io.Reader) error {
		if content == nil {
			return nil
		}
		n, err := io.Copy(io.Discard, content)
		verified += n
		return err
	})
	return verified, err
}
