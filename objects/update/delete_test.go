package update

import (
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func TestDeletedObjectsAreAlikeAndFinal(t *testing.T) {
	w := newWorld(t)
	s := w.store(1, 3, 2, 3, 0)
	put := Clause{Actions: []Action{Append(fileA, []BlockRef{s.ref(0, 'a')})}}
	expect(t, "put", w.try(put, s.brought(3)), Applied, ReasonNone)
	if IsDeleted(w.state.Root()) {
		t.Fatal("it is deleted before it was")
	}
	end := Sign(w.owner, w.update(Clause{Actions: []Action{DeleteObject()}}))
	late := Sign(w.owner, w.update(put))
	got := w.commit(end, late)
	expect(t, "delete", got[0], Applied, ReasonNone)
	expect(t, "in the same version", got[1], Refused, ReasonDeleted)
	if !IsDeleted(w.state.Root()) {
		t.Fatal("it is not deleted")
	}
	root := w.state.Root()
	expect(t, "delete again", w.commit(end)[0], Refused, ReasonDeleted)
	expect(t, "later", w.try(put), Refused, ReasonDeleted)
	if w.commit(nil); w.state.Root() != root {
		t.Fatal("a deleted object has changed")
	}
	other := newWorld(t)
	other.must(Append(fileB, []BlockRef{inline('x', 1)}))
	other.must(DeleteObject())
	if other.state.Root() != root {
		t.Error("two deleted objects differ")
	}
	if _, found := w.extent(s.id); found {
		t.Error("something of it is left")
	}
}

func TestOnlyTheOwnerDeletesAndNothingBeside(t *testing.T) {
	w := newWorld(t)
	friend := keyOf(2)
	w.must(Set(WriterKey(friend.Public()), Writer{Rights: RightWrite, By: w.owner.Public()}.Encode()))
	end := Clause{Actions: []Action{DeleteObject()}}
	expect(t, "a writer", w.commit(Sign(friend, w.update(end)))[0], Aborted, ReasonNotAllowed)
	expect(t, "a stranger", w.commit(Sign(keyOf(3), w.update(end)))[0], Refused, ReasonNotAllowed)
	for name, c := range map[string]Clause{
		"another action":   {Actions: []Action{DeleteFile(fileA), DeleteObject()}},
		"an action after":  {Actions: []Action{DeleteObject(), DeleteFile(fileA)}},
		"under conditions": {Predicates: []Predicate{VersionAtMost(1 << 40)}, Actions: end.Actions},
	} {
		expect(t, name, w.try(c), Aborted, ReasonNotAllowed)
	}
	if IsDeleted(w.state.Root()) {
		t.Fatal("it is deleted")
	}
}

func TestDeletionsAreTheOwnersWord(t *testing.T) {
	w := newWorld(t)
	end := w.update(Clause{Actions: []Action{DeleteObject()}})
	good := Sign(w.owner, end).Encode()
	if err := VerifyDeletion(good, w.object, w.owner.Public()); err != nil {
		t.Fatal(err)
	}
	forged := append([]byte(nil), good...)
	forged[len(forged)-1] ^= 1
	if err := VerifyDeletion(forged, w.object, w.owner.Public()); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("a forged one: %v", err)
	}
	other := w.update(Clause{Actions: []Action{DeleteFile(fileA)}})
	for name, b := range map[string][]byte{
		"garbage":         []byte("garbage"),
		"another update":  Sign(w.owner, other).Encode(),
		"somebody else's": Sign(keyOf(2), end).Encode(),
	} {
		if err := VerifyDeletion(b, w.object, w.owner.Public()); !errors.Is(err, ErrUpdate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := VerifyDeletion(good, wire.ObjectID{2}, w.owner.Public()); !errors.Is(err, ErrUpdate) {
		t.Errorf("for another object: %v", err)
	}
}
