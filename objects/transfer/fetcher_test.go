package transfer

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

func TestBadHoldersDoNotStallARead(t *testing.T) {
	for name, c := range map[string]struct {
		fault  fault
		most   time.Duration // for the first read
		again  time.Duration // for the second, when they are known
		caught bool          // every bad answer is counted
	}{
		"flips a bit":       {flipsBits, 0, 0, true},
		"cut short":         {cuts(90_000), 0, 0, false},
		"another share":     {mixesUp, 0, 0, true},
		"garbage":           {says(junk(2_000_000)), 0, 0, true},
		"a malformed reply": {says([]byte{0, 0, 0, 1, 0xff}), 0, 0, true},
		"an oversized one":  {says(frameOf(getReplyBytesMax + 1)), 0, 0, true},
		"ends at once":      {nothing, 0, 0, false},
		"breaks at once":    {breaks, 0, 0, false},
		"says nothing":      {silent, 2 * fetchHedgeFirst, fetchHedgeMin, false},
		"one byte a second": {byteASecond, 2 * fetchHedgeFirst, fetchHedgeMin, false},
		"unreachable":       {unreachable, 0, 0, false},
		"black hole":        {blackHole, 2 * fetchHedgeFirst, fetchHedgeMin, false},
		"is late":           {late, time.Second, 0, false},
		"has lost it":       {func(n *node) { n.server.Store = newMemory() }, 0, 0, false},
		"busy":              {busy, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const k, n = 8, 16
				w := newWorld(t, n+1)
				want := aFew()
				stored := w.mustPut(t, w.upload(k, n), want)
				// The holders of the data are asked first.
				for _, node := range w.nodes[:k] {
					c.fault(node)
				}
				f := w.fetcher(t, FetcherConfig{})
				for i, most := range []time.Duration{c.most, c.again} {
					began := time.Now()
					if err := read(t, f, stored.source(), 0, want); err != nil {
						t.Fatal(err)
					}
					if took := time.Since(began); took > most {
						t.Errorf("read %d took %v, want at most %v", i, took, most)
					}
				}
				if bad := f.Bad(); (bad > 0) != c.caught || bad > 2*k {
					t.Errorf("%d bad answers were counted", bad)
				}
			})
		})
	}
}

func TestTooFewSharesIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault
		most  time.Duration
	}{
		"unreachable":       {unreachable, 0},
		"flips a bit":       {flipsBits, 0},
		"says nothing":      {silent, 30 * time.Second},
		"one byte a second": {byteASecond, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 16)
				stored := w.mustPut(t, w.upload(8, 16), aFew())
				for _, node := range w.nodes[:9] {
					c.fault(node)
				}
				began := time.Now()
				err := read(t, w.fetcher(t, FetcherConfig{}), stored.source(), 0, aFew())
				if errs.KindOf(err) != errs.TooFew || time.Since(began) > c.most {
					t.Errorf("%v after %v, want kind TooFew", err, time.Since(began))
				}
			})
		})
	}
}

func TestReadOfARange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 6)
		want := aFew()
		stored := w.mustPut(t, w.upload(2, 6), want)
		f := w.fetcher(t, FetcherConfig{})
		for from := range want {
			for to := from + 1; to <= len(want); to++ {
				if err := read(t, f, stored.source(), from, want[from:to]); err != nil {
					t.Fatalf("stripes [%d, %d): %v", from, to, err)
				}
			}
		}
		for _, r := range [][2]int{{-1, 1}, {0, 0}, {2, 1}, {0, len(want) + 1}} {
			if err := f.Read(t.Context(), stored.source(), r[0], r[1], nil); !errors.Is(err, ErrInput) {
				t.Errorf("stripes %v: %v, want ErrInput", r, err)
			}
		}
	})
}

func TestSmallExtentNeedsNoMoreRequestsThanShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 32)
		var sizes []int
		for range 32 {
			sizes = append(sizes, 500_000)
		}
		want := blocks(4, sizes...)
		stored := w.mustPut(t, w.upload(16, 32), want)
		requests := new(atomic.Int64)
		for _, n := range w.nodes {
			n.server.Store = counted{n.store, requests}
		}
		f := w.fetcher(t, FetcherConfig{})
		for range 3 {
			requests.Store(0)
			if err := read(t, f, stored.source(), 0, want); err != nil {
				t.Fatal(err)
			}
			if got := requests.Load(); got != 16 {
				t.Errorf("%d requests, want 16", got)
			}
		}
		streams := 0
		for _, n := range w.nodes {
			streams += n.opens(ProtocolGet)
		}
		if streams > 17 {
			t.Errorf("%d streams were opened for three reads, want one to each holder asked", streams)
		}
	})
}

// counted counts the slices that are asked for.
type counted struct {
	*memory
	n *atomic.Int64
}

func (c counted) Slice(w io.Writer, id wire.ExtentID, index, offset, length int) error {
	c.n.Add(1)
	return c.memory.Slice(w, id, index, offset, length)
}

func TestHoldersAreLocatedWhenThoseNamedDoNotSuffice(t *testing.T) {
	for name, spoil := range map[string]func(w *world, s *Source){
		"none is named":    func(_ *world, s *Source) { s.Holders = nil },
		"too few":          func(_ *world, s *Source) { s.Holders = s.Holders[:5] },
		"wrong shares":     func(_ *world, s *Source) { rotate(s.Holders) },
		"unknown peers":    func(_ *world, s *Source) { rename(s.Holders, 0xdd) },
		"impossible ones":  func(_ *world, s *Source) { s.Holders = []Holding{{Share: 3}, {Peer: wire.PeerID{1}, Share: -1}} },
		"shares that none": func(_ *world, s *Source) { s.Holders = []Holding{{s.Holders[0].Peer, 200}} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 16)
				stored := w.mustPut(t, w.upload(8, 16), aFew())
				source := stored.source()
				spoil(w, &source)
				calls := 0
				f := w.fetcher(t, FetcherConfig{Locate: func(_ context.Context, id wire.ExtentID) ([]wire.PeerID, error) {
					calls++
					return append([]wire.PeerID{{9}, {8}}, w.holders(16)...), nil
				}})
				if err := read(t, f, source, 0, aFew()); err != nil {
					t.Error(err)
				}
				if calls > 2 {
					t.Errorf("%d lookups, want one for the manifest and one for the shares", calls)
				}
				if got := f.Holders(t.Context(), source); len(got) < 16 {
					t.Errorf("%d holders are known, want 16", len(got))
				}
			})
		})
	}
}

func rotate(h []Holding) {
	for i := range h {
		h[i].Share = (h[i].Share + 1) % len(h)
	}
}

func rename(h []Holding, b byte) {
	for i := range h {
		h[i].Peer = wire.PeerID{b, byte(i)}
	}
}

func TestLocateThatFailsOrFindsNobody(t *testing.T) {
	for name, locate := range map[string]func(context.Context, wire.ExtentID) ([]wire.PeerID, error){
		"fails":  func(context.Context, wire.ExtentID) ([]wire.PeerID, error) { return nil, errUnreachable },
		"nobody": func(context.Context, wire.ExtentID) ([]wire.PeerID, error) { return nil, nil },
		"hangs":  func(ctx context.Context, _ wire.ExtentID) ([]wire.PeerID, error) { <-ctx.Done(); return nil, ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 16)
				stored := w.mustPut(t, w.upload(8, 16), aFew())
				f := w.fetcher(t, FetcherConfig{Locate: locate})
				source := stored.source()
				source.Holders = source.Holders[:7]
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := f.Read(ctx, source, 0, 1, func(int, []byte) error { return nil })
				want := errs.TooFew
				if name == "hangs" {
					want = errs.Timeout
				}
				if errs.KindOf(err) != want {
					t.Errorf("%v, want kind %v", err, want)
				}
			})
		})
	}
}

// badlyCoded stores an extent whose parity is not that of its data.
func badlyCoded(t *testing.T, w *world) Source {
	t.Helper()
	const k, n = 2, 4
	code, err := extent.NewCode(k, n)
	if err != nil {
		t.Fatal(err)
	}
	block := blocks(8, 100_000)[0]
	fragments, err := code.Split(block)
	if err != nil {
		t.Fatal(err)
	}
	m := &extent.Manifest{Format: extent.FormatCurrent, K: k, N: n,
		Stripes: []extent.Stripe{{Length: uint32(len(block)), Hash: wire.BlockHash(wire.Sum(block))}}}
	source := Source{}
	for i, f := range fragments {
		if i >= k {
			f = slices.Clone(f)
			f[77] ^= 1
			fragments[i] = f
		}
		m.Shares = append(m.Shares, wire.ShareHash(wire.Sum(f)))
	}
	for i, f := range fragments {
		if err := w.nodes[i].store.Put(Incoming{Manifest: m, Index: i, Data: f}); err != nil {
			t.Fatal(err)
		}
		source.Holders = append(source.Holders, Holding{w.nodes[i].peer, i})
	}
	source.Extent = m.ID()
	return source
}

func TestBadlyCodedExtentIsDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		source := badlyCoded(t, w)
		unreachable(w.nodes[0])
		f := w.fetcher(t, FetcherConfig{})
		err := f.Read(t.Context(), source, 0, 1, func(int, []byte) error { return nil })
		if !errors.Is(err, ErrCoding) || errs.KindOf(err) != errs.Damaged {
			t.Errorf("%v, want ErrCoding of kind Damaged", err)
		}
		if f.Bad() != 0 {
			t.Error("holders are blamed for what the author did")
		}
	})
}

func TestExtentNamedByNoManifestIsDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		bad := &extent.Manifest{Format: extent.FormatCurrent, K: 1, N: 3}
		source := Source{Extent: bad.ID()}
		for i, n := range w.nodes {
			n.store.manifest[bad.ID()] = bad
			source.Holders = append(source.Holders, Holding{n.peer, i})
		}
		unreachable(w.nodes[0])
		if _, err := w.fetcher(t, FetcherConfig{Locate: w.everybody}).Manifest(t.Context(), source); errs.KindOf(err) != errs.Damaged {
			t.Errorf("%v, want kind Damaged", err)
		}
	})
}

func TestYieldEndsTheRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8)
		stored := w.mustPut(t, w.upload(4, 8), aFew())
		f := w.fetcher(t, FetcherConfig{})
		stop := errors.New("enough")
		calls := 0
		err := f.Read(t.Context(), stored.source(), 0, len(aFew()), func(stripe int, _ []byte) error {
			if calls++; stripe == 2 {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || calls != 3 {
			t.Errorf("%v after %d calls", err, calls)
		}
	})
}

func TestReadEndsWithItsContext(t *testing.T) {
	for name, c := range map[string]fault{"silent": silent, "black hole": blackHole, "one byte a second": byteASecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 8)
				stored := w.mustPut(t, w.upload(4, 8), aFew())
				f := w.fetcher(t, FetcherConfig{})
				if _, err := f.Manifest(t.Context(), stored.source()); err != nil {
					t.Fatal(err)
				}
				for _, n := range w.nodes {
					c(n)
				}
				f = w.fetcher(t, FetcherConfig{})
				f.manifests.put(stored.Manifest.ID(), stored.Manifest)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began := time.Now()
				err := f.Read(ctx, stored.source(), 0, 7, func(int, []byte) error { return nil })
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
					t.Errorf("%v after %v", err, time.Since(began))
				}
			})
		})
	}
}

func TestReadAheadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8)
		var sizes []int
		for range 15 {
			sizes = append(sizes, 1<<20)
		}
		want := blocks(2, sizes...)
		stored := w.mustPut(t, w.upload(4, 8), want)
		requests := new(atomic.Int64)
		for _, n := range w.nodes {
			n.server.Store = counted{n.store, requests}
		}
		for name, c := range map[string]struct {
			ahead int
			first int64 // requests while the first stripe is not taken
		}{
			"one part ahead":    {fetchAheadBytesMax, 8},
			"no room for ahead": {1 << 20, 4},
		} {
			requests.Store(0)
			f := w.fetcher(t, FetcherConfig{RequestBytes: 512 << 10, AheadBytesMax: c.ahead})
			at := int64(0)
			err := f.Read(t.Context(), stored.source(), 0, 15, func(stripe int, _ []byte) error {
				if stripe == 0 {
					synctest.Wait()
					at = requests.Load()
				}
				return nil
			})
			if err != nil || at != c.first {
				t.Errorf("%s: %v, %d requests before the first stripe was taken, want %d", name, err, at, c.first)
			}
			if f.ahead.all != 0 {
				t.Errorf("%s: %d bytes are still counted as read ahead", name, f.ahead.all)
			}
		}
	})
}

func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault
		ok    bool
	}{
		"honest":        {func(*node) {}, true},
		"flips a bit":   {flipsBits, false},
		"another share": {mixesUp, false},
		"has lost it":   {func(n *node) { n.server.Store = newMemory() }, false},
		"unreachable":   {unreachable, false},
		"silent":        {silent, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2)
				stored := w.mustPut(t, w.upload(2, 4), aFew())
				c.fault(w.nodes[1])
				f := w.fetcher(t, FetcherConfig{})
				got, err := f.Probe(t.Context(), w.nodes[1].peer, stored.Manifest, 3, [32]byte{1})
				if (err == nil) != c.ok || c.ok && got != ProbeBytesMax {
					t.Errorf("%d bytes, %v", got, err)
				}
				if _, err := f.Probe(t.Context(), w.nodes[1].peer, stored.Manifest, 2, [32]byte{1}); err == nil {
					t.Error("it proved a share that another peer holds")
				}
			})
		})
	}
}

func TestProbedRangeLiesInTheShare(t *testing.T) {
	seen := make(map[int]bool)
	for _, size := range []int{1, ProbeBytesMax, ProbeBytesMax + 1, wire.ShareBytesMax} {
		for i := range 50 {
			offset, length := probed(size, ProbeBytesMax, [32]byte{byte(i)})
			if offset < 0 || length < 1 || length > ProbeBytesMax || offset+length > size {
				t.Errorf("bytes [%d, +%d) of %d", offset, length, size)
			}
			seen[offset] = true
		}
	}
	if len(seen) < 40 {
		t.Error("the nonce hardly changes the range")
	}
}
