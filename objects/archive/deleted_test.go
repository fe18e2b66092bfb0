package archive

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

func TestADeletedObjectIsArchivedNoMore(t *testing.T) {
	store, nodes, shelf := kvtest.NewMemory(), memory{}, &shelf{extents: map[wire.ExtentID][][]byte{}}
	a := NewArchiver(store, nodes, shelf)
	r := rand.New(rand.NewPCG(1, 2))
	commit(t, store, nodes, r, 1, 3)
	hint, err := a.Archive(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	for v := range wire.Version(forgetsAtOnce + 10) {
		commit(t, store, memory{}, r, 2+v, 0)
	}
	if _, found, err := a.Deleted(object); found || err != nil {
		t.Fatalf("deleted before it was: %v, %v", found, err)
	}
	want := Deleted{Word: []byte("word"), Last: wire.NodeHash{9}}
	if err := store.Update(func(w kv.Writer) error { return NoteDeleted(w, object, want) }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Forget(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	if pending, err := a.Pending(object); pending || err != nil {
		t.Errorf("pending: %v, %v", pending, err)
	}
	if left := store.Keys(key(object, nodesClass)); len(left) != 0 {
		t.Errorf("%d records of archived nodes are left", len(left))
	}
	if got, err := a.Hint(object); err != nil || !bytes.Equal(got.Encode(), hint.Encode()) {
		t.Errorf("the hint is %+v, %v", got, err)
	}
	if got, found, err := a.Deleted(object); err != nil || !found || !bytes.Equal(got.Word, want.Word) || got.Last != want.Last {
		t.Errorf("%+v, %v, %v", got, found, err)
	}
}
