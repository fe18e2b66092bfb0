package store

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

// walk verifies all shares from a place on.
func walk(t *testing.T, s *Shares, from Place) (all []Verified) {
	t.Helper()
	err := s.VerifyAll(context.Background(), from, func(v Verified) error { all = append(all, v); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryShareIsVerified(t *testing.T) {
	m := kvtest.NewMemory()
	s := open(t, m, Config{})
	var bad Place
	for seed := byte(1); seed <= 3; seed++ {
		for _, in := range []Incoming{large(t, seed), small(t, seed+10)} {
			put(t, s, in)
			if seed == 2 && in.Manifest.ShareBytes() >= fileBytesMin {
				bad = Place{in.Manifest.ID(), in.Index}
			}
		}
	}
	if !m.ChangeFile(fileName(bad.Extent, bad.Index), func(b []byte) []byte { b[777] ^= 1; return b }) {
		t.Fatal("nothing to damage")
	}
	for round := range 2 { // found the first time, known the second
		all := walk(t, s, Place{})
		if len(all) != 6 {
			t.Fatalf("%d shares verified, want 6", len(all))
		}
		for _, v := range all {
			if got, want := errs.KindOf(v.Err) == errs.Damaged, v.Place == bad; got != want {
				t.Errorf("round %d: share %d of %v: %v, damaged: %v", round, v.Index, v.Extent, v.Err, want)
			}
		}
		if places, err := s.Damaged(Place{}, 10); err != nil || !slices.Equal(places, []Place{bad}) || s.Usage().Damaged != 1 {
			t.Fatalf("damaged: %v, %v, counted: %d; want %v", places, err, s.Usage().Damaged, bad)
		}
	}
	if rest := walk(t, s, bad.Next()); slices.ContainsFunc(rest, func(v Verified) bool { return v.Place == bad }) {
		t.Error("a walk from behind a share comes upon it")
	}
}

func TestAWalkEndsWhereItIsTold(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	put(t, s, small(t, 1))
	put(t, s, small(t, 2))
	enough, seen := errors.New("enough"), 0
	err := s.VerifyAll(context.Background(), Place{}, func(Verified) error { seen++; return enough })
	if !errors.Is(err, enough) || seen != 1 {
		t.Errorf("%d shares, then %v", seen, err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.VerifyAll(ended, Place{}, func(Verified) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context ended: %v", err)
	}
}

func TestAScrubGoesOnWhereItWasLeft(t *testing.T) {
	m := kvtest.NewMemory()
	s := open(t, m, Config{})
	for seed := byte(1); seed <= 5; seed++ {
		put(t, s, small(t, seed))
	}
	enough := errors.New("enough")
	var seen []Place
	scrub := func(max int) error {
		left := max
		return s.Scrub(context.Background(), func(v Verified) error {
			seen = append(seen, v.Place)
			if left--; left == 0 {
				return enough
			}
			return nil
		})
	}
	if err := scrub(2); !errors.Is(err, enough) {
		t.Fatal(err)
	}
	s = open(t, m, Config{}) // a restart
	if err := scrub(9); err != nil {
		t.Fatal(err)
	}
	all := walk(t, s, Place{})
	if len(seen) != len(all) {
		t.Fatalf("%d shares in two scrubs, want %d", len(seen), len(all))
	}
	for i, v := range all {
		if seen[i] != v.Place {
			t.Errorf("share %d: %v, want %v", i, seen[i], v.Place)
		}
	}
	seen = nil
	if err := scrub(9); err != nil || len(seen) != len(all) {
		t.Errorf("the next scrub saw %d shares: %v", len(seen), err)
	}
}

func TestWhoLeasesAShare(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	in := small(t, 1)
	other := in
	other.Object[0] ^= 1
	put(t, s, in)
	put(t, s, other)
	objects, err := s.Lessees(Place{in.Manifest.ID(), in.Index})
	if err != nil || len(objects) != 2 || !slices.Contains(objects, in.Object) || !slices.Contains(objects, other.Object) {
		t.Errorf("%v, %v", objects, err)
	}
}

func TestPlacesFollowEachOther(t *testing.T) {
	end := Place{Index: wire.SharesMax}
	end.Extent[31], end.Extent[30] = 0xff, 7
	if got := end.Next(); got.Index != 0 || got.Extent[31] != 0 || got.Extent[30] != 8 {
		t.Errorf("after the last share of an extent: %v", got)
	}
	if got := (Place{Index: 3}).Next(); got != (Place{Index: 4}) {
		t.Errorf("after share 3: %v", got)
	}
}
