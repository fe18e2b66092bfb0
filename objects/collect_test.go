package objects

import (
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// What only forgotten versions refer to is released, and nothing else; what was
// released can be stored again.
func TestPruneAndCollect(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	first, second := random(1, 300_000), random(2, 300_000)
	w.put(g, "f", first)
	w.put(g, "f", second)
	w.put(g, "stays", random(3, 300_000))
	if released, _, err := g.Collect(t.Context(), w.object); err != nil || len(released) != 0 {
		t.Fatalf("with all versions retained %v was released, %v", released, err)
	}
	if f, err := g.Prune(t.Context(), w.object, Keep{Last: 1}, true); err != nil || f.Forgotten != 2 || f.Version != 0 {
		t.Errorf("dry: %+v, %v", f, err)
	}
	f, err := g.Prune(t.Context(), w.object, Keep{Last: 1}, false)
	if err != nil || f.Kept != 1 || f.Forgotten != 2 {
		t.Fatalf("prune: %+v, %v", f, err)
	}
	released, v, err := g.Collect(t.Context(), w.object)
	if err != nil || len(released) != 1 || len(released[0].Holders) == 0 || v != f.Version+1 {
		t.Fatalf("released %v in version %d, %v", released, v, err)
	}
	w.archive()
	head, err := w.gateway(1).Ring.Head(t.Context(), w.object)
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.Newest(t.Context(), w.object)
	if err != nil {
		t.Fatal(err)
	}
	ids := []wire.ExtentID{released[0].Extent}
	for x, err := range update.Extents(t.Context(), s.state) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, x.ID)
	}
	refers, err := w.gateway(1).Refers(t.Context(), w.object, head, ids)
	if err != nil || len(ids) != 3 || refers[0] || !refers[1] || !refers[2] {
		t.Errorf("of %v it refers to %v, %v", ids, refers, err)
	}
	if _, err := s.At(t.Context(), 1); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a forgotten version: %v", err)
	}
	for path, want := range map[string][]byte{"f": second, "stays": random(3, 300_000)} {
		if got, err := w.read(g, path); err != nil || string(got) != string(want) {
			t.Errorf("%s after the collection: %d bytes, %v", path, len(got), err)
		}
	}
	w.put(g, "f", first) // the very extent that was released
	w.archive()
	if got, err := w.read(w.gateway(2), "f"); err != nil || string(got) != string(first) {
		t.Errorf("stored again: %d bytes, %v", len(got), err)
	}
}
