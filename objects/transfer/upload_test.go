package transfer

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// aFew are the blocks of most uploads here: more than a pipe holds, in more
// stripes than are in flight.
func aFew() [][]byte { return blocks(11, 900_000, 1<<20, 800_000, 1<<20, 900_001, 1<<20, 5) }

func TestBadHoldersAreReplaced(t *testing.T) {
	early := wire.Marshal(&putReply{Receipt: &extent.CompactReceipt{Share: 1}})
	for name, c := range map[string]struct {
		fault fault
		most  time.Duration // until all shares are stored
	}{
		"unreachable":           {unreachable, 0},
		"black hole":            {blackHole, 3 * time.Second},
		"full":                  {full, 0},
		"full in the middle":    {fullLater, 0},
		"store fails":           {fails, 0},
		"does not want it":      {denies, 0},
		"busy":                  {busy, 3 * time.Second},
		"ends at once":          {nothing, 0},
		"breaks at once":        {breaks, 0},
		"dies in the bulk":      {cuts(300_000), 0},
		"takes nothing":         {silent, 3 * time.Second},
		"one byte a second":     {byteASecond, 3 * time.Second},
		"gives no receipt":      {swallows, 3 * time.Second},
		"garbage":               {says(junk(1000)), 0},
		"oversized reply":       {says(frameOf(putReplyBytesMax + 1)), 0},
		"malformed reply":       {says([]byte{0, 0, 0, 1, 0xff}), 0},
		"early receipt":         {says(append(frameOf(uint32(len(early))), early...)), 0},
		"signed by another":     {forged(otherKey, asIs), 0},
		"of another holder":     {forged(ownKey, func(r *extent.Receipt) { r.Holder[0]++ }), 0},
		"for another share":     {forged(ownKey, func(r *extent.Receipt) { r.Share++ }), 0},
		"for other bytes":       {forged(ownKey, func(r *extent.Receipt) { r.Hash[0]++ }), 0},
		"for another extent":    {forged(ownKey, func(r *extent.Receipt) { r.Extent[0]++ }), 0},
		"for another object":    {forged(ownKey, func(r *extent.Receipt) { r.Object[0]++ }), 0},
		"for another author":    {forged(ownKey, func(r *extent.Receipt) { r.Author[0]++ }), 0},
		"for a minute":          {forged(ownKey, func(r *extent.Receipt) { r.LeaseSeconds = 60 }), 0},
		"answers with a refuse": {lies(func(*node, *putOpen, *extent.Manifest) putReply { return putReply{Refusal: refuse(99, "no")} }), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n, bad = 8, 3
				w := newWorld(t, n+bad+1)
				for _, node := range w.nodes[1 : 1+bad] {
					c.fault(node)
				}
				config := w.upload(4, n)
				config.Spare = w.spares(n)
				began := time.Now()
				stored := w.mustPut(t, config, aFew())
				if took := time.Since(began); took > c.most {
					t.Errorf("it took %v, want at most %v", took, c.most)
				}
				w.check(t, stored)
				for _, r := range stored.Receipts {
					for _, node := range w.nodes[1 : 1+bad] {
						if r.Holder == node.peer {
							t.Errorf("a bad holder's receipt for share %d counts", r.Share)
						}
					}
				}
				if err := read(t, w.fetcher(t, FetcherConfig{}), stored.source(), 0, aFew()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestSpareThatFailsIsReplacedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 14)
		for _, n := range []int{0, 8, 9, 10, 11, 12} {
			unreachable(w.nodes[n])
		}
		var mu sync.Mutex
		var failed []wire.PeerID
		c := w.upload(4, 8)
		c.Spare = w.spares(8)
		c.Failed = func(holder wire.PeerID, err error) {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, holder)
			if !errors.Is(err, errUnreachable) {
				t.Error(err)
			}
		}
		stored := w.mustPut(t, c, aFew())
		if stored.Receipts[0].Holder != w.nodes[13].peer || len(failed) != 6 {
			t.Errorf("share 0 is at %v after %d failures", stored.Receipts[0].Holder, len(failed))
		}
	})
}

func TestCloseLingersAfterEnough(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault
		took  time.Duration
	}{
		"dead":   {unreachable, 0},
		"silent": {swallows, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 8)
				c.fault(w.nodes[3])
				config := w.upload(4, 8)
				config.Linger = 3 * time.Second
				began := time.Now()
				stored, err := w.put(config, aFew())
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took != c.took || !slices.Equal(stored.Missing, []int{3}) || len(stored.Receipts) != 7 {
					t.Errorf("missing %v, %d receipts, after %v", stored.Missing, len(stored.Receipts), took)
				}
			})
		})
	}
}

func TestSharesLeftOutAreNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		c := w.upload(4, 8)
		c.Enough = 4
		for i := range c.Holders[4:] {
			c.Holders[4+i] = wire.PeerID{}
		}
		if stored := w.mustPut(t, c, aFew()); len(stored.Receipts) != 4 {
			t.Errorf("%d receipts, want 4", len(stored.Receipts))
		}
	})
}

func TestTooFewHolders(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault
		bad   int
		kind  errs.Kind
	}{
		"all dead":          {unreachable, 8, errs.TooFew},
		"too many dead":     {unreachable, 3, errs.TooFew},
		"all full":          {full, 8, errs.Full},
		"too many full":     {full, 3, errs.Full},
		"too many lie":      {forged(otherKey, asIs), 3, errs.TooFew},
		"too many fail":     {fails, 3, errs.TooFew},
		"too many are slow": {byteASecond, 3, errs.TooFew},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 8)
				for _, n := range w.nodes[:c.bad] {
					c.fault(n)
				}
				began := time.Now()
				_, err := w.put(w.upload(4, 8), aFew())
				if errs.KindOf(err) != c.kind {
					t.Errorf("%v is of kind %v, want %v", err, errs.KindOf(err), c.kind)
				}
				if took := time.Since(began); took > uploadStallTimeout+uploadPatience {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// addAll adds blocks until one does not go in; it returns how many did.
func addAll(u *Upload, all [][]byte) (added int, err error) {
	for _, b := range all {
		if _, err := u.Add(b); err != nil {
			return added, err
		}
		added++
	}
	return added, nil
}

func TestAddWaitsForHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		release := make(chan struct{})
		for _, n := range w.nodes {
			n.open = func(context.Context, string) error { <-release; return nil }
		}
		c := w.upload(2, 4)
		c.StripesInFlight = 3
		u, err := NewUpload(w.ctx, w, c)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { _, err := addAll(u, aFew()); done <- err }()
		synctest.Wait()
		if got := u.out.stripes(); got != 3 {
			t.Errorf("%d stripes are in flight, want 3", got)
		}
		time.Sleep(2 * uploadPatience)
		if got := u.out.stripes(); got != 3 {
			t.Errorf("%d stripes are in flight while no holder is in time, want 3", got)
		}
		close(release)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if _, err := u.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestOneSlowHolderDoesNotHoldUpTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8)
		silent(w.nodes[2])
		u, err := NewUpload(w.ctx, w, w.upload(4, 8))
		if err != nil {
			t.Fatal(err)
		}
		defer u.Abort()
		began := time.Now()
		if _, err := addAll(u, aFew()); err != nil || time.Since(began) > uploadPatience {
			t.Errorf("%v after %v, want %v", err, time.Since(began), uploadPatience)
		}
		u.out.mu.Lock()
		defer u.out.mu.Unlock()
		kept := 0
		for _, f := range u.out.fragments {
			if f != nil {
				kept++
			}
		}
		if kept > uploadStripesInFlight {
			t.Errorf("the fragments of %d stripes are kept, want %d", kept, uploadStripesInFlight)
		}
	})
}

func TestSlowSourceCostsNoHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8)
		c := w.upload(4, 8)
		c.Failed = func(_ wire.PeerID, err error) { t.Error(err) }
		u, err := NewUpload(w.ctx, w, c)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range aFew() {
			time.Sleep(time.Duration(i%3) * 5 * uploadIdleAfter)
			if _, err := u.Add(b); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		stored, err := u.Close(t.Context())
		if err != nil || len(stored.Missing) != 0 {
			t.Fatalf("%v, missing %v", err, stored.Missing)
		}
		for i, n := range w.nodes {
			if got := n.opens(ProtocolPut); got != 2 {
				t.Errorf("%d streams to holder %d, want 2: one that was ended, one for it all", got, i)
			}
		}
	})
}

func TestBusyHolderIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		n := w.nodes[0]
		n.server = NewServer(ServerConfig{Self: n.peer, Key: n.key, Store: n.store, PutStreamsMax: 6})
		w.mustPut(t, w.upload(4, 8), aFew())
	})
}

func TestUploadEndsWithItsContext(t *testing.T) {
	for name, end := range map[string]func(u *Upload, cancel func()){
		"cancelled": func(_ *Upload, cancel func()) { cancel() },
		"aborted":   func(u *Upload, _ func()) { u.Abort() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 8)
				for _, n := range w.nodes {
					silent(n)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				c := w.upload(4, 8)
				c.StripesInFlight = 4
				u, err := NewUpload(ctx, w, c)
				if err != nil {
					t.Fatal(err)
				}
				done := make(chan error)
				go func() { _, err := addAll(u, aFew()); done <- err }()
				synctest.Wait() // Add waits for room
				end(u, cancel)
				if err := <-done; !errors.Is(err, context.Canceled) && !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
				u.Abort()
				if _, err := u.Close(t.Context()); err == nil {
					t.Error("Close has succeeded")
				}
			})
		})
	}
}

func TestCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8)
		for _, n := range w.nodes {
			swallows(n)
		}
		u, err := NewUpload(t.Context(), w, w.upload(4, 8))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := addAll(u, aFew()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := u.Close(ctx); errs.KindOf(err) != errs.Timeout {
			t.Errorf("%v, want a timeout", err)
		}
	})
}

func TestUploadArguments(t *testing.T) {
	w := newWorld(t, 8)
	for name, spoil := range map[string]func(*UploadConfig){
		"too few holders": func(c *UploadConfig) { c.Holders = c.Holders[1:] },
		"k above n":       func(c *UploadConfig) { c.K = 9 },
		"k is zero":       func(c *UploadConfig) { c.K = 0 },
		"enough below k":  func(c *UploadConfig) { c.Enough = 3 },
		"enough above n":  func(c *UploadConfig) { c.Enough = 9 },
		"no lease":        func(c *UploadConfig) { c.LeaseSeconds = 0 },
	} {
		c := w.upload(4, 8)
		spoil(&c)
		if _, err := NewUpload(w.ctx, w, c); !errors.Is(err, ErrInput) && !errors.Is(err, extent.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	u, err := NewUpload(w.ctx, w, w.upload(4, 8))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Add(nil); !errors.Is(err, extent.ErrInput) {
		t.Errorf("an empty block: %v", err)
	}
	if _, err := u.Close(w.ctx); !errors.Is(err, ErrInput) {
		t.Errorf("an empty extent: %v", err)
	}
}

func TestFullExtentTakesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 9)
		u, err := NewUpload(w.ctx, w, w.upload(1, 9))
		if err != nil {
			t.Fatal(err)
		}
		defer u.Abort()
		for !u.Full() {
			if _, err := u.Add([]byte("block")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := u.Add([]byte("block")); !errors.Is(err, extent.ErrFull) || u.out.stripes() != wire.ExtentStripesMax {
			t.Errorf("%v after %d stripes", err, u.out.stripes())
		}
	})
}
