package objects

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

func (w *world) node(g *Gateway, c Change) (*Entry, error) {
	w.t.Helper()
	s, err := g.Newest(w.t.Context(), w.object)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Node(w.t.Context(), c.Node, c.Key)
}

// A reference to what was removed must not open an empty directory, which get
// would then write out with success.
func TestReferenceToWhatWasRemovedOpensNothing(t *testing.T) {
	w := newWorld(t, 3)
	g := w.gateway(0)
	file := w.put(g, "f", []byte("x"))
	dir, err := g.Mkdir(t.Context(), w.place, "a/b", envelope.Attr{Mode: 0o700}, true)
	if err != nil {
		t.Fatal(err)
	}
	above, err := g.Mkdir(t.Context(), w.place, "a", envelope.Attr{}, true) // made unnamed, now asked for
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"f", "a/b"} {
		if _, err := g.Remove(t.Context(), w.place, path, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]Change{"file": file, "directory": dir} {
		if e, err := w.node(g, c); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%s: %+v, %v", what, e, err)
		}
	}
	if e, err := w.node(g, above); err != nil || !e.IsDir() || e.Attr.Mode != 0o700 {
		t.Errorf("an empty directory: %+v, %v", e, err)
	}
	if _, err := g.Remove(t.Context(), w.place, "a", false, nil); err != nil {
		t.Fatal(err)
	}
	w.put(g, "again", []byte("x"))
}

func TestPlaceThatIsAFileTakesNothingBelowIt(t *testing.T) {
	w := newWorld(t, 3)
	g := w.gateway(0)
	f := File{Kind: update.KindFile, Named: true}
	c, err := g.Put(t.Context(), Dest{Place: w.place, Path: "f"}, f, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	file := Place{Object: w.object, Node: c.Node, Key: c.Key}
	if _, err := g.Mkdir(t.Context(), file, "d", envelope.Attr{}, true); errs.KindOf(err) != errs.Conflict {
		t.Errorf("mkdir: %v", err)
	}
	tree := newTree(map[string][]byte{"x": []byte("x")})
	if _, err := g.PutTree(t.Context(), Dest{Place: file}, Condition{}, TreeOptions{}, tree); errs.KindOf(err) != errs.Conflict {
		t.Errorf("put tree: %v", err)
	}
	if _, err := g.Put(t.Context(), Dest{Place: file, Name: "y"}, f, strings.NewReader("y")); errs.KindOf(err) != errs.NotFound {
		t.Errorf("put: %v", err)
	}
}

func TestConditionsOnAPlaceItself(t *testing.T) {
	w := newWorld(t, 3)
	g := w.gateway(0)
	v := w.put(g, "f", []byte("x")).Version
	try := func(c Condition) error {
		_, err := g.PutTree(t.Context(), Dest{Place: w.place}, c, TreeOptions{}, newTree(map[string][]byte{"x": nil}))
		return err
	}
	if err := try(Condition{IfAbsent: true}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("if absent: %v", err)
	}
	if err := try(Condition{IfVersion: &v}); errs.KindOf(err) != errs.Usage {
		t.Errorf("if version: %v", err)
	}
	if err := try(Condition{}); err != nil {
		t.Errorf("no condition: %v", err)
	}
}

func TestLogOfADirectoryAndOfABareReference(t *testing.T) {
	w := newWorld(t, 3)
	g := w.gateway(0)
	dir, err := g.Mkdir(t.Context(), w.place, "d", envelope.Attr{Mode: 0o700}, false)
	if err != nil {
		t.Fatal(err)
	}
	old := w.put(g, "d/old", []byte("1"))
	file, err := g.Put(t.Context(), Dest{Place: w.place, Path: "d/new"}, File{Kind: update.KindFile, Named: true}, strings.NewReader("2"))
	if err != nil {
		t.Fatal(err)
	}
	w.put(g, "elsewhere", []byte("3"))
	removed, err := g.Remove(t.Context(), w.place, "d/old", false, nil) // not the newest entry
	if err != nil {
		t.Fatal(err)
	}
	w.put(g, "elsewhere", []byte("4"))
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	in := []wire.Version{removed.Version, file.Version, old.Version, dir.Version}
	for what, c := range map[string]struct {
		root *Entry
		path string
		want []wire.Version
	}{
		"path":            {root, "d", in},
		"directory":       {w.bare(g, dir), "", in},
		"file":            {w.bare(g, file), "", []wire.Version{file.Version}},
		"below directory": {w.bare(g, dir), "new", []wire.Version{file.Version}},
	} {
		var got []wire.Version
		for v, err := range s.Log(t.Context(), c.root, c.path, false) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, v.Version)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

func TestDirectoryThatIsItsOwnDescendant(t *testing.T) {
	w := newWorld(t, 3)
	g := w.gateway(0)
	a, err := g.Mkdir(t.Context(), w.place, "a", envelope.Attr{}, false)
	if err != nil {
		t.Fatal(err)
	}
	w.forge(func(e *tree.Editor) {
		dir := target{dir: &Entry{ID: a.Node, Key: a.Key}, name: "loop"}
		c, err := dir.change(w.random, update.KindDir, a.Node, a.Key, envelope.Attr{}, Condition{})
		if err != nil {
			t.Fatal(err)
		}
		w.set(e, c.key, c.value)
	})
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	for what, all := range map[string]iter.Seq2[*Entry, error]{
		"walk": s.Walk(t.Context(), root), "sorted": s.Sorted(t.Context(), root, true),
	} {
		n := 0
		var last error
		for _, err := range all {
			n, last = n+1, err
		}
		if n > 4 || errs.KindOf(last) != errs.Damaged {
			t.Errorf("%s: %d entries, %v", what, n, last)
		}
	}
	if _, err := g.Remove(t.Context(), w.place, "a", true, nil); err != nil {
		t.Errorf("remove: %v", err)
	}
}

func TestKindThatChangesLeavesNothingBehind(t *testing.T) {
	w := newWorld(t, 3)
	g := w.gateway(0)
	put := func(kind update.EntryKind, target string) Change {
		f := File{Kind: kind, Named: true, Attr: envelope.Attr{Mode: 0o600, Target: target}}
		c, err := g.Put(t.Context(), Dest{Place: w.place, Path: "x"}, f, strings.NewReader("content"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	file := put(update.KindFile, "")
	link := put(update.KindSymlink, "there")
	if e, err := w.node(g, file); errs.KindOf(err) != errs.NotFound {
		t.Errorf("the file that a link took the place of: %+v, %v", e, err)
	}
	put(update.KindFile, "")
	if e, err := w.node(g, link); errs.KindOf(err) != errs.NotFound {
		t.Errorf("the link that a file took the place of: %+v, %v", e, err)
	}
	if got, err := w.read(g, "x"); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDirectoriesMadeAtTheSameTime(t *testing.T) {
	w := newWorld(t, 3)
	g := w.gateway(0)
	var all errgroup.Group
	for i := range 6 {
		all.Go(func() error {
			_, err := g.Mkdir(t.Context(), w.place, fmt.Sprint("a/b/", i), envelope.Attr{Mode: 0o700}, true)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	n := 0
	for range s.Walk(t.Context(), root) {
		n++
	}
	if n != 8 {
		t.Errorf("%d entries, want a, a/b and six in it", n)
	}
}

// busyRing refuses each update once, as a full version does.
type busyRing struct {
	*memoryRing
	refused map[string]bool
}

func (r *busyRing) Submit(ctx context.Context, object wire.ObjectID, signed []byte) (Ordered, error) {
	if !r.refused[string(signed)] {
		r.refused[string(signed)] = true
		return Ordered{Outcome: update.Outcome{Status: update.Refused, Reason: update.ReasonBusy}}, nil
	}
	return r.memoryRing.Submit(ctx, object, signed)
}

func TestUpdateThatFoundTheVersionFullIsSentAgain(t *testing.T) {
	w := newWorld(t, 3)
	g := w.gateway(0)
	g.Ring = &busyRing{&memoryRing{w, 0}, make(map[string]bool)}
	w.put(g, "f", []byte("x"))
	if got, err := w.read(g, "f"); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}
