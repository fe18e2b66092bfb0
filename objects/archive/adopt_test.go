package archive

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

// twin is two members of a ring that commit the same versions.
type twin struct {
	stores [2]*kvtest.Memory
	nodes  [2]memory
	shelf  *shelf
	a      [2]*Archiver
}

func newTwin() *twin {
	w := &twin{shelf: &shelf{extents: map[wire.ExtentID][][]byte{}}}
	for i := range 2 {
		w.stores[i], w.nodes[i] = kvtest.NewMemory(), memory{}
		w.a[i] = NewArchiver(w.stores[i], w.nodes[i], w.shelf)
	}
	return w
}

func (w *twin) commit(t *testing.T, v wire.Version, n int) {
	for i := range 2 {
		commit(t, w.stores[i], w.nodes[i], rand.New(rand.NewPCG(5, uint64(v))), v, n)
	}
}

func TestWhatAnotherMemberArchivedIsNotArchivedAgain(t *testing.T) {
	w := newTwin()
	archivist := 0
	for v := range wire.Version(40) {
		w.commit(t, v, 3)
		if v%4 != 3 {
			continue
		}
		hint, err := w.a[archivist].Archive(t.Context(), object)
		if err != nil {
			t.Fatal(err)
		}
		uploads, other := w.shelf.uploads, 1-archivist
		if err := w.a[other].Adopt(t.Context(), object, w.shelf, hint); err != nil {
			t.Fatal(err)
		}
		if pending, err := w.a[other].Pending(object); pending || err != nil {
			t.Fatalf("pending %v after the archive of version %d was adopted, %v", pending, v, err)
		}
		if got, err := w.a[other].Archive(t.Context(), object); err != nil || got.Version != v || w.shelf.uploads != uploads {
			t.Fatalf("archived version %d again: %d uploads, %v", got.Version, w.shelf.uploads-uploads, err)
		}
		archivist = other
	}
}

func TestOwnNodesProveAPackWithoutReadingIt(t *testing.T) {
	w := newTwin()
	w.commit(t, 1, 30)
	hint, err := w.a[0].Archive(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	w.shelf.read = 0
	if err := w.a[1].Adopt(t.Context(), object, w.shelf, hint); err != nil || w.shelf.read != len(hint.Extents) {
		t.Errorf("%d stripes were read for the indexes of %d extents, %v", w.shelf.read, len(hint.Extents), err)
	}
}

func TestAnArchiveThatLacksNodesIsNotAdopted(t *testing.T) {
	for name, lie := range map[string]func(*testing.T, *twin, Hint) Hint{
		"it is said to be newer": func(t *testing.T, w *twin, h Hint) Hint {
			w.commit(t, 2, 2)
			h.Version = 2
			return h
		},
		"it names nothing": func(_ *testing.T, _ *twin, h Hint) Hint {
			h.Extents = nil
			return h
		},
		"its packs hold other bytes than its index says": func(_ *testing.T, w *twin, h Hint) Hint {
			w.shelf.extents[h.Extents[0].ID][0][17]++
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTwin()
			w.commit(t, 1, 5)
			hint, err := w.a[0].Archive(t.Context(), object)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.a[1].Adopt(t.Context(), object, w.shelf, lie(t, w, hint)); !errors.Is(err, ErrIncomplete) {
				t.Errorf("adopted: %v", err)
			}
			if pending, err := w.a[1].Pending(object); !pending || err != nil {
				t.Errorf("nothing is pending, %v", err)
			}
		})
	}
}
