package objects

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// model is a tree as a person thinks of it: content by path; that of a directory
// is isDir.
type model map[string]string

const isDir = "(directory)"

// below returns what is at and below a path, by the rest of the path.
func (m model) below(path string) model {
	out := make(model)
	for p, content := range m {
		if rest, ok := strings.CutPrefix(p, path); ok && (rest == "" || rest[0] == '/') {
			out[rest] = content
		}
	}
	return out
}

func (m model) remove(path string) {
	for rest := range m.below(path) {
		delete(m, path+rest)
	}
}

func (m model) add(path string, below model) {
	for rest, content := range below {
		m[path+rest] = content
	}
}

// editor makes random changes of a volume and of a model of it.
type editor struct {
	*world
	g       *Gateway
	rand    *rand.Rand
	now     model
	history map[wire.Version]model
	fresh   int
}

func newEditor(t *testing.T, seed uint64) *editor {
	w := newWorld(t, 4)
	e := &editor{
		world: w, g: w.gateway(0), rand: rand.New(rand.NewPCG(seed, 0)), now: model{}, history: make(map[wire.Version]model),
	}
	t.Logf("seed %d", seed)
	return e
}

// pick returns a path that is there, of a directory if asked for; "" may be the
// root.
func (e *editor) pick(dir bool) string {
	paths := slices.Sorted(maps.Keys(e.now))
	if dir {
		paths = slices.DeleteFunc(paths, func(p string) bool { return e.now[p] != isDir })
		paths = append(paths, "")
	}
	if len(paths) == 0 {
		return ""
	}
	return paths[e.rand.IntN(len(paths))]
}

func (e *editor) name() string {
	e.fresh++
	return fmt.Sprintf("n%d", e.fresh)
}

// step makes one change.
func (e *editor) step() {
	e.t.Helper()
	dir, path := e.pick(true), e.pick(false)
	to := join(dir, e.name())
	var c Change
	var err error
	next := maps.Clone(e.now)
	switch op := e.rand.IntN(12); {
	case op < 3 || path == "":
		content := fmt.Sprintf("content %d", e.fresh)
		if op == 0 && path != "" && e.now[path] != isDir {
			to = path // again
		}
		c, next[to] = e.put(e.g, to, []byte(content)), content
	case op < 5:
		next[to] = isDir
		c, err = e.g.Mkdir(e.t.Context(), e.place, to, envelope.Attr{Mode: 0o755}, false)
	case op < 7:
		if dir == path || strings.HasPrefix(dir, path+"/") {
			_, err = e.g.Move(e.t.Context(), e.place, path, Dest{Place: e.place, Path: to}, Condition{})
			if errs.KindOf(err) != errs.Usage {
				e.t.Fatalf("%s went into itself: %v", path, err)
			}
			return
		}
		next.remove(path)
		next.add(to, e.now.below(path))
		c, err = e.g.Move(e.t.Context(), e.place, path, Dest{Place: e.place, Path: to}, Condition{})
	case op < 9:
		s, entry := e.entry(path)
		next.add(to, e.now.below(path))
		c, err = e.g.Copy(e.t.Context(), s, entry, Dest{Place: e.place, Path: to}, true, Condition{})
	case op < 10:
		next.remove(path)
		c, err = e.g.Remove(e.t.Context(), e.place, path, true, nil)
	default:
		line := fmt.Sprintf("line %d\n", e.fresh)
		if e.now[path] != isDir {
			to = path
		}
		next[to] += line
		c = e.append(e.g, to, line)
	}
	if err != nil {
		e.t.Fatal(err)
	}
	e.now, e.history[c.Version] = next, next
}

func (e *editor) entry(path string) (*Snapshot, *Entry) {
	e.t.Helper()
	s, root, err := e.g.snapshotOf(e.t.Context(), e.place)
	if err != nil {
		e.t.Fatal(err)
	}
	entry, err := s.Lookup(e.t.Context(), root, path)
	if err != nil {
		e.t.Fatal(err)
	}
	return s, entry
}

// at returns a snapshot of a version and what a path is in it; nil if it is not
// there.
func (e *editor) at(v wire.Version, path string) (*Snapshot, *Entry) {
	e.t.Helper()
	newest, _ := e.entry("")
	s, err := newest.At(e.t.Context(), v)
	if err != nil {
		e.t.Fatal(err)
	}
	root, err := s.Place(e.t.Context(), e.place)
	if err != nil {
		e.t.Fatal(err)
	}
	entry, err := s.Lookup(e.t.Context(), root, path)
	if err != nil && errs.KindOf(err) != errs.NotFound {
		e.t.Fatal(err)
	}
	return s, entry
}

// same compares what a snapshot shows with a model.
func (e *editor) same(s *Snapshot, root *Entry, want model) {
	e.t.Helper()
	got := make(model)
	for entry, err := range s.Walk(e.t.Context(), root) {
		if err != nil {
			e.t.Fatal(err)
		}
		got[entry.Path] = isDir
		if !entry.IsDir() {
			var b strings.Builder
			if err := s.ReadFile(e.t.Context(), entry, 0, -1, &b); err != nil {
				e.t.Fatal(err)
			}
			got[entry.Path] = b.String()
		}
	}
	if !maps.Equal(got, want) {
		e.t.Fatalf("version %d shows\n%v, want\n%v", s.Version, got, want)
	}
}

// patch applies differences to a model of the older version; content comes from
// the newer.
func patch(old, new model, differences []Difference) model {
	gone := make(map[string]bool)
	for _, d := range differences {
		if d.Old != nil && (d.New == nil || d.New.Path != d.Old.Path) {
			gone[d.Old.Path] = true
		}
	}
	stays := func(below model, path string) model {
		for rest := range below {
			for i := len(path + rest); i > len(path); i-- {
				if gone[(path + rest)[:i]] && (i == len(path+rest) || (path + rest)[i] == '/') {
					delete(below, rest)
				}
			}
		}
		return below
	}
	out := maps.Clone(old)
	moved := make(model)
	for _, d := range differences {
		if d.Old != nil && d.New != nil && d.Old.Path != d.New.Path {
			moved.add(d.New.Path, stays(old.below(d.Old.Path), d.Old.Path))
		}
	}
	for path := range gone {
		out.remove(path)
	}
	maps.Copy(out, moved)
	for _, d := range differences {
		if d.New != nil && (d.Old == nil || d.Content) {
			out[d.New.Path] = new[d.New.Path]
		}
	}
	return out
}

func TestRandomEditsHistoryDiffAndRestore(t *testing.T) {
	for seed := range uint64(6) {
		e := newEditor(t, seed)
		for range 40 {
			e.step()
			s, root := e.entry("")
			e.same(s, root, e.now)
		}
		versions := slices.Sorted(maps.Keys(e.history))
		for range 20 {
			from, to := versions[e.rand.IntN(len(versions))], versions[e.rand.IntN(len(versions))]
			e.diffs(from, to)
		}
		for range 5 {
			e.logs(versions)
		}
		for range 8 {
			e.restores(versions[e.rand.IntN(len(versions))])
		}
	}
}

func (e *editor) diffs(from, to wire.Version) {
	e.t.Helper()
	old, oldRoot := e.at(from, "")
	new, newRoot := e.at(to, "")
	differences, err := Diff(e.t.Context(), old, new, oldRoot, newRoot)
	if err != nil {
		e.t.Fatal(err)
	}
	got := patch(e.history[from], e.history[to], differences)
	if !maps.Equal(got, e.history[to]) {
		e.t.Fatalf("from version %d to %d:\n%v\ngives %v\nwant %v", from, to, describe(differences), got, e.history[to])
	}
	if (len(differences) == 0) != maps.Equal(e.history[from], e.history[to]) {
		e.t.Fatalf("from version %d to %d: %v", from, to, describe(differences))
	}
}

func describe(differences []Difference) (lines []string) {
	for _, d := range differences {
		was, is := "-", "-"
		if d.Old != nil {
			was = d.Old.Path
		}
		if d.New != nil {
			is = d.New.Path
		}
		lines = append(lines, fmt.Sprintf("%s → %s %v", was, is, d.Content))
	}
	return lines
}

// logs compares the history of a path with how the models differ.
func (e *editor) logs(versions []wire.Version) {
	e.t.Helper()
	path := e.pick(false)
	if path == "" {
		return
	}
	var want, got []wire.Version
	before := model{}
	for _, v := range versions {
		now := e.history[v].below(path)
		if !maps.Equal(before, now) {
			want = append(want, v)
		}
		before = now
	}
	s, root := e.entry("")
	for v, err := range s.Log(e.t.Context(), root, path, false) {
		if err != nil {
			e.t.Fatal(err)
		}
		got = append(got, v.Version)
	}
	slices.Reverse(got)
	if !slices.Equal(got, want) {
		e.t.Fatalf("log of %s: %v, want %v", path, got, want)
	}
}

func (e *editor) restores(v wire.Version) {
	e.t.Helper()
	old, _ := e.at(v, "")
	c, err := e.g.Restore(e.t.Context(), e.place, "", old)
	if err != nil {
		e.t.Fatal(err)
	}
	s, root := e.entry("")
	e.same(s, root, e.history[v])
	e.now = e.history[v]
	if c.Version == 0 {
		c.Version = s.Version
	}
	e.history[c.Version] = e.now
	e.step()
}

func TestMoveKeepsReferencesAndReplacesFiles(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	big := random(1, 3<<20)
	moved := w.put(g, "a", big)
	w.put(g, "b", []byte("in the way"))
	ctx := t.Context()
	for _, c := range []struct {
		path string
		to   Dest
		cond Condition
		kind errs.Kind
	}{
		{"a", Dest{Path: "b"}, Condition{IfAbsent: true}, errs.Conflict},
		{"a", Dest{Path: "a"}, Condition{}, errs.Conflict},
		{"none", Dest{Path: "b"}, Condition{}, errs.NotFound},
		{"a", Dest{Path: "none/b"}, Condition{}, errs.NotFound},
		{"", Dest{Path: "b"}, Condition{}, errs.Usage},
	} {
		c.to.Place = w.place
		if _, err := g.Move(ctx, w.place, c.path, c.to, c.cond); errs.KindOf(err) != c.kind {
			t.Errorf("%s to %+v: %v", c.path, c.to, err)
		}
	}
	before := w.newest
	change, err := g.Move(ctx, w.place, "a", Dest{Place: w.place, Path: "b"}, Condition{})
	if err != nil || change.Version != before+1 || change.SentBytes != 0 || change.Node != moved.Node {
		t.Fatalf("%+v, %v", change, err)
	}
	if got, err := w.read(g, "b"); err != nil || len(got) != len(big) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if e := w.bare(g, moved); e.Size != int64(len(big)) {
		t.Errorf("the reference leads to %+v", e)
	}
	if _, err := w.read(g, "a"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("the old name: %v", err)
	}
}

// A large file that was appended to in small pieces has many small blocks in the
// tree itself; a copy has them too.
func TestCopyOfManySmallBlocks(t *testing.T) {
	w := newWorld(t, 4)
	g := w.gateway(0)
	c := w.put(g, "log", []byte("0\n"))
	secrets := c.Key.Secrets()
	want := "0\n"
	for i := range 200 {
		line := strings.Repeat(fmt.Sprint(i), 100) + "\n"
		sealed, err := secrets.SealInline(g.Random, []byte(line))
		if err != nil {
			t.Fatal(err)
		}
		var b batch
		ref := update.BlockRef{Length: uint32(len(line)), Sealed: sealed}
		b.add(update.Clause{Actions: []update.Action{update.Append(c.Node, []update.BlockRef{ref})}}, 0)
		if _, err := g.submit(t.Context(), w.object, &b); err != nil {
			t.Fatal(err)
		}
		want += line
	}
	w.put(g, "copy", []byte("old"))
	s, root, err := g.snapshotOf(t.Context(), w.place)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Lookup(t.Context(), root, "log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Copy(t.Context(), s, e, Dest{Place: w.place, Path: "copy"}, false, Condition{}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.read(g, "copy"); err != nil || string(got) != want {
		t.Errorf("%d of %d bytes, %v", len(got), len(want), err)
	}
	old, err := s.At(t.Context(), c.Version)
	if err != nil {
		t.Fatal(err)
	}
	oldEntry, err := old.Lookup(t.Context(), root, "log")
	if err != nil {
		t.Fatal(err)
	}
	differences, err := Diff(t.Context(), old, s, root, root)
	if err != nil || len(differences) != 2 || differences[1].Old.Size != oldEntry.Size || !differences[1].Content {
		t.Errorf("%v, %v", describe(differences), err)
	}
}

func TestChecksumsTellWhatChangedWhereTimesDoNot(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	content := map[string][]byte{"small": []byte("s"), "middle": random(1, 50<<10), "large": random(2, 40<<20)}
	dest := Dest{Place: w.place, Path: "t"}
	if _, err := g.PutTree(t.Context(), dest, Condition{}, TreeOptions{Checksum: true}, newTree(content)); err != nil {
		t.Fatal(err)
	}
	c, err := g.PutTree(t.Context(), dest, Condition{}, TreeOptions{Checksum: true}, newTree(content))
	if err != nil || c.Version != 0 || c.SentBytes != 0 {
		t.Fatalf("the same again: %+v, %v", c.Report, err)
	}
	content["large"][1<<20]++
	content["small"] = []byte("t")
	c, err = g.PutTree(t.Context(), dest, Condition{}, TreeOptions{Checksum: true}, newTree(content))
	if err != nil || c.Version == 0 || c.SentBytes == 0 || c.SentBytes > 8<<20 {
		t.Fatalf("two bytes changed: %+v, %v", c.Report, err)
	}
	w.holds(g, "t", content)
}

// gone is a tree that says what is to be removed.
type gone struct {
	Tree
	paths []string
}

func (g *gone) Next() (TreeEntry, error) {
	e, err := g.Tree.Next()
	if err == nil || len(g.paths) == 0 {
		return e, err
	}
	e = TreeEntry{Path: g.paths[0], Gone: true}
	g.paths = g.paths[1:]
	return e, nil
}

func TestTreesTakeAwayWhatTheyDoNotHave(t *testing.T) {
	w := newWorld(t, 4)
	g := w.gateway(0)
	dest := Dest{Place: w.place, Path: "t"}
	content := map[string][]byte{"a": []byte("a"), "b/c": []byte("c"), "b/d": []byte("d")}
	if _, err := g.PutTree(t.Context(), dest, Condition{}, TreeOptions{}, newTree(content)); err != nil {
		t.Fatal(err)
	}
	rest := map[string][]byte{"b/d": []byte("d")}
	tree := &gone{newTree(rest), []string{"a", "b/c", "never/was"}}
	if _, err := g.PutTree(t.Context(), dest, Condition{}, TreeOptions{}, tree); errs.KindOf(err) != errs.Usage {
		t.Errorf("a path whose directory did not come: %v", err)
	}
	tree = &gone{newTree(rest), []string{"a", "b/c", "b/never"}}
	if _, err := g.PutTree(t.Context(), dest, Condition{}, TreeOptions{}, tree); err != nil {
		t.Fatal(err)
	}
	w.holds(g, "t", rest)
}
