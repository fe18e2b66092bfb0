package objects

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

func random(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func (w *world) put(g *Gateway, path string, content []byte) Change {
	w.t.Helper()
	f := File{Kind: update.KindFile, Attr: envelope.Attr{Mode: 0o640, Sec: 12, Nsec: 34}}
	c, err := g.Put(w.t.Context(), Dest{Place: w.place, Path: path}, f, bytes.NewReader(content))
	if err != nil {
		w.t.Fatalf("put %q: %v", path, err)
	}
	return c
}

func (w *world) archive() {
	w.t.Helper()
	if err := (&memoryRing{w, 0}).Archive(w.t.Context(), w.object); err != nil {
		w.t.Fatal(err)
	}
}

// read returns the content of a file in the newest version.
func (w *world) read(g *Gateway, path string) ([]byte, error) {
	s, root, err := g.snapshotOf(w.t.Context(), w.place)
	if err != nil {
		return nil, err
	}
	e, err := s.Lookup(w.t.Context(), root, path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = s.ReadFile(w.t.Context(), e, 0, -1, &b)
	return b.Bytes(), err
}

func TestFilesOfEverySizeComeBackFromAPeerThatNeverSawThem(t *testing.T) {
	w := newWorld(t, 40)
	writer := w.gateway(0)
	sizes := []int{0, 1, 4095, 4096, 4097, 32 << 10, wire.BlockBytesMax - 1, wire.BlockBytesMax, wire.BlockBytesMax + 1, 20 << 20}
	for i, size := range sizes {
		c := w.put(writer, fmt.Sprint("f", i), random(byte(i), size))
		if c.Bytes != int64(size) || c.Missing != 0 {
			t.Errorf("size %d: %+v", size, c.Report)
		}
	}
	w.archive()
	for _, h := range w.holders[:8] {
		h.kill() // the writer and the ring among them
	}
	reader := w.gateway(20)
	for i, size := range sizes {
		got, err := w.read(reader, fmt.Sprint("f", i))
		if err != nil || !bytes.Equal(got, random(byte(i), size)) {
			t.Errorf("size %d: %d bytes came back, error %v", size, len(got), err)
		}
	}
}

func TestAttributesAndNames(t *testing.T) {
	w := newWorld(t, 10)
	g := w.gateway(0)
	for _, name := range []string{"a", strings.Repeat("x", 255), "new\nline", "\xff\xfe", "-dash", "a@b%c:d", "é", "e\u0301"} {
		w.put(g, name, []byte(name))
		s, root, _ := g.snapshotOf(t.Context(), w.place)
		e, err := s.Lookup(t.Context(), root, name)
		if err != nil || e.Name != name || e.Attr.Mode != 0o640 || e.Attr.Sec != 12 || e.Attr.Nsec != 34 || e.Size != int64(len(name)) {
			t.Errorf("%q: %+v, %v", name, e, err)
		}
	}
	for _, bad := range []string{"..", ".", "", strings.Repeat("x", 256), "nul\x00"} {
		_, err := g.Put(t.Context(), Dest{Place: w.place, Path: "dir/" + bad}, File{Kind: update.KindFile}, bytes.NewReader(nil))
		if err == nil {
			t.Errorf("name %q was accepted", bad)
		}
	}
	link := File{Kind: update.KindSymlink, Attr: envelope.Attr{Mode: 0o777, Target: "../\xffthere"}}
	if _, err := g.Put(t.Context(), Dest{Place: w.place, Path: "link"}, link, nil); err != nil {
		t.Fatal(err)
	}
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	if e, err := s.Lookup(t.Context(), root, "link"); err != nil || e.Attr != link.Attr || e.Kind != update.KindSymlink {
		t.Errorf("link: %+v, %v", e, err)
	}
}

func TestRanges(t *testing.T) {
	w := newWorld(t, 12)
	g := w.gateway(0)
	content := random(1, 5<<20+77)
	w.put(g, "f", content)
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	e, err := s.Lookup(t.Context(), root, "f")
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(content))
	for _, r := range [][2]int64{{0, 1}, {1 << 20, 1}, {size - 1, 1}, {size, 0}, {size, 10}, {3 << 20, -1}, {123, 2 << 20}, {size - 5, 100}} {
		var b bytes.Buffer
		if err := s.ReadFile(t.Context(), e, r[0], r[1], &b); err != nil {
			t.Errorf("%v: %v", r, err)
		}
		end := size
		if r[1] >= 0 {
			end = min(r[0]+r[1], size)
		}
		if !bytes.Equal(b.Bytes(), content[r[0]:end]) {
			t.Errorf("range %v: %d bytes, not those of the file", r, b.Len())
		}
	}
}

func TestOverwritingKeepsHistoryAndSendsWhatChanged(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	old := random(1, 50<<20) // more blocks than one update takes
	first := w.put(g, "f", old)
	changed := bytes.Clone(old)
	changed[25<<20] ^= 1
	second := w.put(g, "f", changed)
	if second.Node != first.Node {
		t.Error("a reference to the file would not follow the new version")
	}
	if second.SentBytes > first.SentBytes/10 {
		t.Errorf("one byte changed and %d of %d bytes were sent", second.SentBytes, first.SentBytes)
	}
	if got, err := w.read(g, "f"); err != nil || !bytes.Equal(got, changed) {
		t.Errorf("newest: %d bytes, %v", len(got), err)
	}
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	past, err := s.At(t.Context(), first.Version)
	if err != nil {
		t.Fatal(err)
	}
	e, err := past.Lookup(t.Context(), root, "f")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := past.ReadFile(t.Context(), e, 0, -1, &b); err != nil || !bytes.Equal(b.Bytes(), old) {
		t.Errorf("version %d: %d bytes, %v", first.Version, b.Len(), err)
	}
}

func TestConditions(t *testing.T) {
	w := newWorld(t, 10)
	g := w.gateway(0)
	first := w.put(g, "f", []byte("1"))
	second := w.put(g, "f", []byte("2"))
	try := func(path string, c Condition) error {
		_, err := g.Put(t.Context(), Dest{Place: w.place, Path: path}, File{Kind: update.KindFile, Condition: c}, strings.NewReader("x"))
		return err
	}
	if err := try("f", Condition{IfAbsent: true}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("if absent: %v", err)
	}
	if err := try("f", Condition{IfVersion: &first.Version}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("if version %d: %v", first.Version, err)
	}
	if err := try("f", Condition{IfVersion: &second.Version}); err != nil {
		t.Errorf("if version %d: %v", second.Version, err)
	}
	if err := try("new", Condition{IfAbsent: true}); err != nil {
		t.Errorf("if absent: %v", err)
	}
	if err := try("no/such/dir", Condition{}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("no directory: %v", err)
	}
	if err := try("f/below", Condition{}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("below a file: %v", err)
	}
}

func TestContentThatFailsLeavesTheVolumeAsItWas(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	w.put(g, "f", []byte("before"))
	broken := errors.New("the disk is gone")
	for _, n := range []int{0, 100, 3 << 20, 60 << 20} {
		content := io.MultiReader(bytes.NewReader(random(9, n)), iotest.ErrReader(broken))
		_, err := g.Put(t.Context(), Dest{Place: w.place, Path: "f"}, File{Kind: update.KindFile}, content)
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if got, err := w.read(g, "f"); err != nil || string(got) != "before" {
			t.Errorf("after %d bytes: %q, %v", n, got, err)
		}
	}
}

// list is a Tree from a list.
type list struct {
	entries []TreeEntry
	content map[string][]byte
	io.Reader
}

func (l *list) Next() (TreeEntry, error) {
	if len(l.entries) == 0 {
		return TreeEntry{}, io.EOF
	}
	e := l.entries[0]
	l.entries = l.entries[1:]
	l.Reader = bytes.NewReader(l.content[e.Path])
	return e, nil
}

func newTree(content map[string][]byte) *list {
	l := &list{content: content, entries: []TreeEntry{{Kind: update.KindDir, Attr: envelope.Attr{Mode: 0o755}}}}
	dirs := map[string]bool{"": true}
	for _, path := range slices.Sorted(maps.Keys(content)) {
		for i, c := range path {
			if c == '/' && !dirs[path[:i]] {
				dirs[path[:i]] = true
				l.entries = append(l.entries, TreeEntry{Path: path[:i], Kind: update.KindDir, Attr: envelope.Attr{Mode: 0o700}})
			}
		}
		l.entries = append(l.entries, TreeEntry{Path: path, Kind: update.KindFile, Attr: envelope.Attr{Mode: 0o600, Sec: 5}, Size: int64(len(content[path]))})
	}
	return l
}

func TestTreeTravelsInFewVersionsAndComesBackElsewhere(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	content := make(map[string][]byte)
	for i := range 300 {
		content[fmt.Sprintf("d%d/e%d/f%d", i%3, i%7, i)] = random(byte(i), i*97)
	}
	c, err := g.PutTree(t.Context(), Dest{Place: w.place, Path: "top"}, Condition{}, TreeOptions{}, newTree(content))
	if err != nil {
		t.Fatal(err)
	}
	if c.Version > 10 {
		t.Errorf("300 files took %d versions", c.Version)
	}
	again, err := g.PutTree(t.Context(), Dest{Place: w.place, Path: "top"}, Condition{}, TreeOptions{}, newTree(content))
	if err != nil || again.Version != 0 || again.SentBytes != 0 {
		t.Errorf("an unchanged tree: version %d, %d bytes sent, %v", again.Version, again.SentBytes, err)
	}
	w.archive()
	w.holders[0].kill()
	reader := w.gateway(5)
	s, root, err := reader.snapshotOf(t.Context(), w.place)
	if err != nil {
		t.Fatal(err)
	}
	top, err := s.Lookup(t.Context(), root, "top")
	if err != nil {
		t.Fatal(err)
	}
	err = s.ReadTree(t.Context(), top, nil, func(e *Entry, r io.Reader) error {
		if e.IsDir() {
			return nil
		}
		path := strings.TrimPrefix(e.Path, "top/")
		if len(path)%2 == 0 { // some are not looked at
			return nil
		}
		got, err := io.ReadAll(r)
		if err == nil && !bytes.Equal(got, content[path]) {
			err = fmt.Errorf("%s: %d bytes, not those of the file", path, len(got))
		}
		delete(content, path)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for path := range content {
		if len(path)%2 != 0 {
			t.Errorf("%s did not come", path)
		}
	}
}

func TestAnExtentGoesWithTheFirstUpdateThatRefersToIt(t *testing.T) {
	w := newWorld(t, 10)
	g := w.gateway(0)
	writer := g.newWriter(t.Context(), w.object)
	var blocks []*block
	for i := range 3 {
		sealed := random(byte(i), 5000+wire.SealOverhead)
		b, err := writer.add(sealed, update.BlockRef{Length: 5000, Sealed: []byte("key")})
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b)
		if err := writer.roll(); err != nil {
			t.Fatal(err)
		}
	}
	// Changes that fill an update each stand between the extents and what
	// refers to them.
	for i := range 2 {
		writer.then(func(wire.Version) update.Clause {
			var c update.Clause
			for j := range 400 {
				key := update.DirEntryKey(wire.NodeID{5}, fmt.Appendf(nil, "%200d", i*1000+j))
				c.Actions = append(c.Actions, update.Set(key, update.DirEntry{Kind: update.KindDir}.Encode()))
			}
			return c
		})
	}
	writer.then(func(wire.Version) update.Clause {
		return update.Clause{Actions: []update.Action{update.Append(wire.NodeID{6}, refsOf(blocks))}}
	})
	if r, err := writer.finish(nil); err != nil || r.Version < 2 {
		t.Errorf("version %d, %v; want several", r.Version, err)
	}
}

func TestRemoveAndMkdir(t *testing.T) {
	w := newWorld(t, 10)
	g := w.gateway(0)
	attr := envelope.Attr{Mode: 0o755}
	if _, err := g.Mkdir(t.Context(), w.place, "a/b/c", attr, false); errs.KindOf(err) != errs.NotFound {
		t.Errorf("without parents: %v", err)
	}
	for range 2 {
		if _, err := g.Mkdir(t.Context(), w.place, "a/b/c", attr, true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.Mkdir(t.Context(), w.place, "a/b", attr, false); errs.KindOf(err) != errs.Conflict {
		t.Errorf("existing: %v", err)
	}
	w.put(g, "a/b/f", []byte("x"))
	if _, err := g.Remove(t.Context(), w.place, "a/b", false, nil); errs.KindOf(err) != errs.Conflict {
		t.Errorf("not empty: %v", err)
	}
	for _, path := range []string{"a/b/f", "a"} {
		if _, err := g.Remove(t.Context(), w.place, path, true, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := w.read(g, path); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%s after its removal: %v", path, err)
		}
	}
	if _, err := g.Remove(t.Context(), w.place, "a", true, nil); errs.KindOf(err) != errs.NotFound {
		t.Errorf("again: %v", err)
	}
}

// bare returns the entry that a reference to a node alone opens.
func (w *world) bare(g *Gateway, c Change) *Entry {
	w.t.Helper()
	s, err := g.Newest(w.t.Context(), w.object)
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := s.Node(w.t.Context(), c.Node, c.Key)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func TestBareReferencesTellAttributes(t *testing.T) {
	w := newWorld(t, 10)
	g := w.gateway(0)
	first := File{Kind: update.KindFile, Named: true, Attr: envelope.Attr{Mode: 0o751, Sec: 99}}
	c, err := g.Put(t.Context(), Dest{Place: w.place, Path: "f"}, first, strings.NewReader("1"))
	if err != nil {
		t.Fatal(err)
	}
	if e := w.bare(g, c); e.Attr != first.Attr || e.Kind != update.KindFile || e.Size != 1 {
		t.Errorf("file: %+v", e)
	}
	w.put(g, "f", []byte("22")) // not named, but it was before
	if e := w.bare(g, c); e.Attr.Mode != 0o640 || e.Size != 2 {
		t.Errorf("file, written again: %+v", e)
	}
	tree := newTree(map[string][]byte{"x": []byte("x")})
	tree.entries[0].Attr = envelope.Attr{Mode: 0o711, Sec: 7}
	dir, err := g.PutTree(t.Context(), Dest{Place: w.place, Path: "d"}, Condition{}, TreeOptions{}, tree)
	if err != nil {
		t.Fatal(err)
	}
	if e := w.bare(g, dir); !e.IsDir() || e.Attr.Mode != 0o711 || e.Attr.Sec != 7 {
		t.Errorf("directory: %+v", e)
	}
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	names := 0
	for range s.Walk(t.Context(), root) {
		names++
	}
	if names != 3 {
		t.Errorf("%d entries are listed, want f, d and d/x", names)
	}
	for _, path := range []string{"d/x", "d", "f"} { // d is empty but for its self entry
		if _, err := g.Remove(t.Context(), w.place, path, false, nil); err != nil {
			t.Errorf("remove %s: %v", path, err)
		}
	}
}

func TestLogNamesTheVersionsInWhichAPathChanged(t *testing.T) {
	w := newWorld(t, 10)
	g := w.gateway(0)
	a1 := w.put(g, "a", []byte("1"))
	w.put(g, "b", []byte("1"))
	a2 := w.put(g, "a", []byte("2"))
	gone, err := g.Remove(t.Context(), w.place, "a", false, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.put(g, "b", []byte("2"))
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	var got []wire.Version
	for v, err := range s.Log(t.Context(), root, "a", false) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v.Version)
	}
	if want := []wire.Version{gone.Version, a2.Version, a1.Version}; !slices.Equal(got, want) {
		t.Errorf("log of a: %v, want %v", got, want)
	}
	if v, err := s.Back(t.Context(), 2); err != nil || v != a2.Version {
		t.Errorf("@-2 = %d, %v, want %d", v, err, a2.Version)
	}
}

func TestWrongKeyOpensNothing(t *testing.T) {
	w := newWorld(t, 10)
	g := w.gateway(0)
	w.put(g, "f", []byte("secret"))
	w.place.Key[0] ^= 1
	if _, err := w.read(g, "f"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("lookup with a wrong key: %v", err)
	}
	s, root, _ := g.snapshotOf(t.Context(), w.place)
	for _, err := range s.List(t.Context(), root) {
		if errs.KindOf(err) != errs.Refused {
			t.Errorf("list with a wrong key: %v", err)
		}
	}
}

func TestCheckAsksTheHolders(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	w.put(g, "f", random(1, 1<<20))
	check := func() Health {
		s, root, err := g.snapshotOf(t.Context(), w.place)
		if err != nil {
			t.Fatal(err)
		}
		h, err := s.Check(t.Context(), root, nil, false, func(int, int) {})
		if err != nil || len(h.Extents) != 1 {
			t.Fatalf("check: %+v, %v", h, err)
		}
		return h
	}
	if x := check().Extents[0]; x.Alive != x.N || !x.Healthy || len(x.Holders) != x.N {
		t.Errorf("all alive: %d of %d shares, healthy %v", x.Alive, x.N, x.Healthy)
	}
	for _, h := range w.holders[1:30] {
		h.kill()
	}
	if x := check().Extents[0]; x.Healthy || x.Alive >= x.N {
		t.Errorf("29 holders dead: %d of %d shares, healthy %v", x.Alive, x.N, x.Healthy)
	}
}
