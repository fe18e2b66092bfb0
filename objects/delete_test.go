package objects

import (
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// The owner deletes an object, and nobody else; then it is gone for all
// gateways, with its earlier versions, and refers to nothing.
func TestDelete(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	w.put(g, "f", random(1, 300_000))
	w.archive()
	stranger := w.gateway(0)
	stranger.Author = wire.NewKey([32]byte{9})
	if _, err := stranger.Delete(t.Context(), w.object); errs.KindOf(err) != errs.Refused {
		t.Fatalf("a stranger: %v", err)
	}
	s, err := g.Newest(t.Context(), w.object)
	if err != nil {
		t.Fatal(err)
	}
	var ids []wire.ExtentID
	for x, err := range update.Extents(t.Context(), s.state) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, x.ID)
	}
	d, err := g.Delete(t.Context(), w.object)
	if err != nil || d.Version != s.Version+1 || len(d.Holders) < 30 {
		t.Fatalf("version %d, %d holders, %v", d.Version, len(d.Holders), err)
	}
	if err := update.VerifyDeletion(d.Word, w.object, w.owner.Public()); err != nil {
		t.Error(err)
	}
	for i := range 2 {
		g := w.gateway(i)
		if _, err := g.Newest(t.Context(), w.object); !errors.Is(err, ErrDeleted) || errs.KindOf(err) != errs.NotFound {
			t.Errorf("reading at peer %d: %v", i, err)
		}
		head, err := g.Ring.Head(t.Context(), w.object)
		if err != nil {
			t.Fatal(err)
		}
		refers, err := g.Refers(t.Context(), w.object, head, ids)
		if err != nil || len(ids) == 0 {
			t.Fatal(ids, err)
		}
		for j, r := range refers {
			if r {
				t.Errorf("it refers to %v", ids[j])
			}
		}
	}
	if _, err := g.Delete(t.Context(), w.object); !errors.Is(err, ErrDeleted) {
		t.Errorf("deleted again: %v", err)
	}
}

// What cannot be read any more can be deleted.
func TestADamagedObjectIsDeleted(t *testing.T) {
	w := newWorld(t, 4)
	g := w.gateway(1) // without a hint, and with no nodes of its own
	w.put(w.gateway(0), "f", random(1, 300_000))
	if _, err := w.read(g, "f"); err == nil {
		t.Fatal("it can be read")
	}
	if d, err := g.Delete(t.Context(), w.object); err != nil || d.Version == 0 || len(d.Holders) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}
