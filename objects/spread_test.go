package objects

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// What was put while this peer was alone must not be taken for stored when it
// is put again among others: put says that the putting peer may die.
func TestPuttingAgainSpreadsWhatLiesOnOnePeer(t *testing.T) {
	w := newWorld(t, 40)
	others := w.holders[1:]
	w.holders = w.holders[:1]
	g := w.gateway(0)
	content := random(3, 3<<20)
	w.put(g, "f", content)
	tree := map[string][]byte{"x": random(4, 100_000), "y": random(5, 10)}
	put := func() Change {
		c, err := g.PutTree(t.Context(), Dest{Place: w.place, Path: "t"}, Condition{}, TreeOptions{}, newTree(tree))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	put()
	w.archive()

	w.holders = append(w.holders, others...)
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	h, err := s.Check(t.Context(), root, nil, false, func(int, int) {})
	if err != nil || len(h.Extents) != 2 || h.Extents[0].Healthy || h.Extents[0].Err == nil {
		t.Errorf("extents on one of 40 peers: %+v, %v", h.Extents, err)
	}
	for what, c := range map[string]Change{"file": w.put(g, "f", content), "tree": put()} {
		if len(c.Holders) < 8 {
			t.Errorf("%s, put again: %d holders", what, len(c.Holders))
		}
	}
	w.archive()
	w.holders[0].kill()
	reader := w.gateway(20)
	if got, err := w.read(reader, "f"); err != nil || !bytes.Equal(got, content) {
		t.Errorf("without the writer: %d bytes, %v", len(got), err)
	}
	w.holds(reader, "t", tree)
}

func TestOnePeerAloneKeepsOneCopy(t *testing.T) {
	w := newWorld(t, 1)
	g := w.gateway(0)
	content := random(3, 3<<20)
	c := w.put(g, "f", content)
	if len(c.Holders) != 1 || c.Missing != 0 {
		t.Errorf("%d holders, %d shares missing", len(c.Holders), c.Missing)
	}
	if got, err := w.read(g, "f"); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	if h, err := s.Check(t.Context(), root, nil, true, func(int, int) {}); err != nil || !h.Alone || !h.Extents[0].Healthy {
		t.Errorf("check: %+v, %v", h, err)
	}
}

// Many files are not looked at one by one where nothing is thin, and are where
// something is.
func TestThinFilesAreFoundAmongMany(t *testing.T) {
	w := newWorld(t, 40)
	others := w.holders[1:]
	g := w.gateway(0)
	tree := make(map[string][]byte)
	for i := range 2 * thinScanAfter {
		tree[fmt.Sprintf("%04d", i)] = random(byte(i), wire.InlineBytesMax+1+i)
	}
	if _, err := g.PutTree(t.Context(), Dest{Place: w.place, Path: "t"}, Condition{}, TreeOptions{}, newTree(tree)); err != nil {
		t.Fatal(err)
	}
	thin := func() (names []string) {
		s, root, err := g.snapshotOf(t.Context(), w.place)
		if err != nil {
			t.Fatal(err)
		}
		is := s.Thin()
		for e, err := range s.Sorted(t.Context(), root, true) {
			if err != nil {
				t.Fatal(err)
			}
			thin, err := is(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			if thin {
				names = append(names, e.Path)
			}
		}
		return names
	}
	if names := thin(); len(names) > 0 {
		t.Errorf("%q are thin", names)
	}
	w.holders = w.holders[:1]
	w.put(g, "t/9999", random(1, 100<<10))
	w.holders = append(w.holders, others...)
	if names := thin(); !slices.Equal(names, []string{"t/9999"}) {
		t.Errorf("%q are thin", names)
	}
}
