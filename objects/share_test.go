package objects

import (
	"bytes"
	"context"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// sharing is a volume with two directories, its owner's gateway, and that of
// somebody else.
type sharing struct {
	*world
	ctx   context.Context
	owner *Gateway
	guest *Gateway
}

func newSharing(t *testing.T) *sharing {
	w := newWorld(t, 40)
	s := &sharing{world: w, ctx: t.Context(), owner: w.gateway(0), guest: w.gateway(0)}
	s.guest.Author = wire.NewKey([32]byte{77})
	for _, dir := range []string{"shared/deep", "private"} {
		if _, err := s.owner.Mkdir(s.ctx, w.place, dir, envelope.Attr{Mode: 0o755}, true); err != nil {
			t.Fatal(err)
		}
	}
	w.put(s.owner, "shared/deep/a", random(1, 100<<10))
	w.put(s.owner, "private/b", []byte("b"))
	return s
}

func (s *sharing) admit(path string) Place {
	s.t.Helper()
	c, err := s.owner.Admit(s.ctx, s.place, path, s.guest.Author.Public())
	if err != nil {
		s.t.Fatal(err)
	}
	return Place{Object: s.object, Node: c.Node, Key: c.Key}
}

// guestPuts is what a put by the guest comes to.
func (s *sharing) guestPuts(p Place, path string, content []byte) error {
	_, err := s.guest.Put(s.ctx, Dest{Place: p, Path: path}, File{Kind: update.KindFile, Attr: envelope.Attr{Mode: 0o644}}, bytes.NewReader(content))
	return err
}

func (s *sharing) wants(what string, err error, kind errs.Kind) {
	s.t.Helper()
	if err == nil || errs.KindOf(err) != kind {
		s.t.Errorf("%s: %v, want an error of kind %v", what, err, kind)
	}
}

func TestAGuestWritesBelowHisPlaceAndNowhereElse(t *testing.T) {
	s := newSharing(t)
	bare := Place{Object: s.object, Node: s.place.Node, Key: s.place.Key}
	s.wants("writing before it was allowed", s.guestPuts(bare, "shared/x", []byte("x")), errs.Refused)
	p := s.admit("shared")
	for path, content := range map[string][]byte{"small": []byte("s"), "large": random(2, 70<<20), "deep/a": random(3, 1<<20)} {
		if err := s.guestPuts(p, path, content); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if got, err := s.read(s.owner, "shared/"+path); err != nil || len(got) != len(content) {
			t.Errorf("%s as the owner reads it: %d bytes, %v", path, len(got), err)
		}
	}
	if _, err := s.guest.PutTree(s.ctx, Dest{Place: p, Path: "tree"}, Condition{}, TreeOptions{}, newTree(map[string][]byte{"f": []byte("f"), "g": random(4, 9000)})); err != nil {
		t.Error(err)
	}
	if _, err := s.guest.Move(s.ctx, p, "tree", Dest{Place: p, Path: "deep/tree"}, Condition{}); err != nil {
		t.Error(err)
	}
	snapshot, root, err := s.guest.snapshotOf(s.ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	deep, err := snapshot.Lookup(s.ctx, root, "deep")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.guest.Copy(s.ctx, snapshot, deep, Dest{Place: p, Path: "copy"}, true, Condition{}); err != nil {
		t.Error(err)
	}
	if _, err := s.guest.Remove(s.ctx, p, "copy", true, nil); err != nil {
		t.Error(err)
	}
	if _, err := s.guest.Restore(s.ctx, p, "deep", snapshot); err != nil {
		t.Error(err)
	}

	// He has the keys of all of it, and may write in a part.
	s.wants("writing beside the place", s.guestPuts(bare, "private/x", []byte("x")), errs.Refused)
	s.wants("overwriting beside the place", s.guestPuts(bare, "private/b", random(5, 100<<10)), errs.Refused)
	_, err = s.guest.Move(s.ctx, bare, "private/b", Dest{Place: bare, Path: "shared/b"}, Condition{})
	s.wants("moving what is not his into his place", err, errs.Refused)
	_, err = s.guest.Remove(s.ctx, bare, "private", true, nil)
	s.wants("removing what is not his", err, errs.Refused)
	_, err = s.guest.Admit(s.ctx, bare, "shared", wire.NewKey([32]byte{78}).Public())
	s.wants("letting others in", err, errs.Refused)
	_, err = s.guest.Renew(s.ctx, bare, "shared")
	s.wants("renewing keys", err, errs.Refused)
}

func TestOneKeyHasOnePlaceAndLosesIt(t *testing.T) {
	s := newSharing(t)
	who := s.guest.Author.Public()
	p := s.admit("shared")
	s.admit("shared") // again, which changes nothing
	_, err := s.owner.Admit(s.ctx, s.place, "private", who)
	s.wants("a second place", err, errs.Conflict)
	_, err = s.owner.Admit(s.ctx, s.place, "private/b", who)
	s.wants("a file as a place", err, errs.Usage)
	snapshot, root, err := s.owner.snapshotOf(s.ctx, s.place)
	if err != nil {
		t.Fatal(err)
	}
	writers, err := snapshot.Writers(s.ctx, root)
	if err != nil || len(writers) != 2 {
		t.Fatalf("%v, %v", writers, err)
	}
	for _, w := range writers {
		if w.Owner != (w.Key == s.owner.Author.Public()) || !w.Owner && w.Path != "shared" || w.Owner && !w.Whole {
			t.Errorf("writer %+v", w)
		}
	}

	if _, err := s.owner.Dismiss(s.ctx, s.place, who); err != nil {
		t.Fatal(err)
	}
	s.wants("writing after the right was taken", s.guestPuts(p, "x", []byte("x")), errs.Refused)
	_, err = s.owner.Dismiss(s.ctx, s.place, who)
	s.wants("taking it twice", err, errs.NotFound)
	_, err = s.owner.Dismiss(s.ctx, s.place, s.owner.Author.Public())
	s.wants("taking the owner's", err, errs.Usage)
	s.owner.Admit(s.ctx, s.place, "", who)
	if err := s.guestPuts(s.place, "private/y", []byte("y")); err != nil {
		t.Errorf("whoever may write the whole volume: %v", err)
	}
}

func TestRenewedKeysLeaveOldReferencesBehind(t *testing.T) {
	s := newSharing(t)
	before := s.put(s.owner, "shared/large", random(6, 50<<20))
	old := s.admit("shared")
	if _, err := s.owner.Share(s.ctx, s.place, "shared/deep/a"); err != nil {
		t.Fatal(err)
	}
	c, err := s.owner.Renew(s.ctx, s.place, "shared")
	if err != nil {
		t.Fatal(err)
	}
	if c.SentBytes != 0 || c.Node == old.Node || c.Key == old.Key {
		t.Errorf("%d bytes were sent for keys %v → %v", c.SentBytes, old.Node, c.Node)
	}
	for path, size := range map[string]int{"shared/large": 50 << 20, "shared/deep/a": 100 << 10} {
		if got, err := s.read(s.owner, path); err != nil || len(got) != size {
			t.Errorf("%s has %d bytes, %v", path, len(got), err)
		}
	}
	_, _, err = s.guest.snapshotOf(s.ctx, old)
	s.wants("the old reference", err, errs.NotFound)
	_, _, err = s.guest.snapshotOf(s.ctx, Place{Object: s.object, Node: before.Node, Key: before.Key})
	s.wants("an old reference to a file below", err, errs.NotFound)
	if err := s.guestPuts(Place{Object: s.object, Node: c.Node, Key: c.Key}, "deep/new", []byte("n")); err != nil {
		t.Errorf("who was let in and got the new reference: %v", err)
	}
	if _, err := s.owner.Renew(s.ctx, s.place, "shared/large"); err != nil {
		t.Errorf("a file's keys: %v", err)
	}
	if got, err := s.read(s.owner, "shared/large"); err != nil || len(got) != 50<<20 {
		t.Errorf("the file has %d bytes, %v", len(got), err)
	}
	_, err = s.owner.Renew(s.ctx, s.place, "")
	s.wants("the volume's own keys", err, errs.Usage)
}
