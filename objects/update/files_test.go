package update

import (
	"fmt"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func TestFiles(t *testing.T) {
	abc := []BlockRef{inline('a', 10), inline('b', 20), inline('c', 30)}
	x, y := inline('x', 20), inline('y', 5)
	for _, c := range []struct {
		name   string
		do     []Action
		reason Reason
		blocks string
	}{
		{"append", []Action{Append(fileA, []BlockRef{y})}, ReasonNone, "0+10a 10+20b 30+30c 60+5y "},
		{"append to no file", []Action{Append(fileB, abc)}, ReasonNone, "0+10a 10+20b 30+30c "},
		{"replace", []Action{Splice(fileA, 10, 30, []BlockRef{x})}, ReasonNone, "0+10a 10+20x 30+30c "},
		{"shrink", []Action{Splice(fileA, 0, 30, []BlockRef{y})}, ReasonNone, "0+5y 5+30c "},
		{"grow", []Action{Splice(fileA, 10, 10, []BlockRef{x, y})}, ReasonNone, "0+10a 10+20x 30+5y 35+20b 55+30c "},
		{"grow in place", []Action{Splice(fileA, 0, 10, []BlockRef{x})}, ReasonNone, "0+20x 20+20b 40+30c "},
		{"truncate", []Action{Splice(fileA, 10, 60, nil)}, ReasonNone, "0+10a "},
		{"empty", []Action{Splice(fileA, 0, 60, nil)}, ReasonNone, ""},
		{"at the end", []Action{Splice(fileA, 60, 60, []BlockRef{y})}, ReasonNone, "0+10a 10+20b 30+30c 60+5y "},
		{"nothing", []Action{Splice(fileA, 30, 30, nil)}, ReasonNone, "0+10a 10+20b 30+30c "},
		{"twice", []Action{Splice(fileA, 0, 10, nil), Splice(fileA, 0, 20, []BlockRef{y})}, ReasonNone, "0+5y 5+30c "},
		{"start within a block", []Action{Splice(fileA, 5, 30, nil)}, ReasonBoundary, ""},
		{"end within a block", []Action{Splice(fileA, 10, 40, nil)}, ReasonBoundary, ""},
		{"end behind the end", []Action{Splice(fileA, 10, 61, nil)}, ReasonBoundary, ""},
		{"start behind the end", []Action{Splice(fileA, 70, 70, nil)}, ReasonBoundary, ""},
		{"delete a linked file", []Action{DeleteFile(fileA)}, ReasonLinked, ""},
		{"delete", []Action{Delete(name("a")), DeleteFile(fileA)}, ReasonNone, ""},
		{"delete no file", []Action{DeleteFile(fileB)}, ReasonNone, "0+10a 10+20b 30+30c "},
		{"copy", []Action{CopyFile(fileA, fileB, 1)}, ReasonNone, "0+10a 10+20b 30+30c "},
		{"copy onto a file", []Action{CopyFile(fileA, fileA, 1)}, ReasonExists, ""},
		{"copy no file", []Action{CopyFile(fileB, fileA, 1)}, ReasonMissing, ""},
		{"copy from no version", []Action{CopyFile(fileA, fileB, 7)}, ReasonMissing, ""},
		{"restore", []Action{Splice(fileA, 0, 60, nil), CopyFile(fileA, fileA, 1)}, ReasonNone, "0+10a 10+20b 30+30c "},
	} {
		w := newWorld(t)
		w.must(Set(name("a"), entry(fileA)), Append(fileA, abc))
		o := w.try(Clause{Actions: c.do})
		if o.Reason != c.reason {
			t.Errorf("%s: %v", c.name, o.Reason)
		}
		if c.reason != ReasonNone {
			c.blocks = "0+10a 10+20b 30+30c "
		}
		target := fileA
		if b, found := w.file(fileB); found && b.Size > 0 {
			target = fileB
		}
		if got := w.blocks(target); got != c.blocks {
			t.Errorf("%s: %q, want %q", c.name, got, c.blocks)
		}
		w.check()
	}
}

func TestLinks(t *testing.T) {
	w := newWorld(t)
	dir := DirEntry{Kind: KindDir, Child: fileA}.Encode()
	for i, c := range []struct {
		do   []Action
		a, b uint64 // links of the files
	}{
		{[]Action{Set(name("1"), entry(fileA))}, 1, 0},
		{[]Action{Set(name("2"), entry(fileA)), Set(name("d"), dir)}, 2, 0},
		{[]Action{Set(name("2"), entry(fileB))}, 1, 1},
		{[]Action{Set(name("1"), entry(fileA))}, 1, 1},
		{[]Action{Move(name("2"), name("1"))}, 0, 1},
		{[]Action{Move(name("1"), name("3")), Set(name("4"), entry(fileA))}, 1, 1},
		{[]Action{Delete(name("3")), Delete(name("3"))}, 1, 0},
		{[]Action{DeleteRange(DirRange(root))}, 0, 0},
		{[]Action{CopyDir(root, wire.NodeID{0xd2}, 4)}, 1, 1},
	} {
		w.must(c.do...)
		a, _ := w.file(fileA)
		b, _ := w.file(fileB)
		if a.Links != c.a || b.Links != c.b {
			t.Errorf("step %d: %d and %d links, want %d and %d", i, a.Links, b.Links, c.a, c.b)
		}
		w.check()
	}
}

// check recounts what the executor keeps and fails the test where it differs.
func (w *world) check() {
	w.t.Helper()
	files, links := map[wire.NodeID]FileInfo{}, map[wire.NodeID]uint64{}
	live := map[wire.ExtentID]uint64{}
	want := map[wire.NodeID]FileInfo{}
	for e, err := range w.state.Scan(ctx, nil, nil) {
		if err != nil {
			w.t.Fatal(err)
		}
		switch e.Key[0] {
		case kindBlock:
			id, offset, _ := ParseBlockKey(e.Key)
			ref, err := ParseBlockRef(e.Value)
			f := files[id]
			if err != nil || offset != f.Size {
				w.t.Fatalf("file %v has a block at %d, not at %d: %v", id, offset, f.Size, err)
			}
			f.Size += uint64(ref.Length)
			f.Blocks++
			files[id] = f
			if !ref.IsInline() {
				live[ref.Extent]++
			}
		case kindDir:
			if d, _ := ParseDirEntry(e.Value); d.Kind == KindFile {
				links[d.Child]++
			}
		case kindFile:
			id, _ := ParseFileKey(e.Key)
			want[id], err = ParseFileInfo(e.Value)
			if err != nil {
				w.t.Fatal(err)
			}
		case kindExtent:
			if id, err := ParseExtentKey(e.Key); err == nil {
				w.checkExtent(id, live[id])
			}
		}
	}
	for id, n := range links {
		f := files[id]
		f.Links = n
		files[id] = f
	}
	if fmt.Sprint(files) != fmt.Sprint(want) {
		w.t.Fatalf("files are %v, recorded as %v", files, want)
	}
}

func (w *world) checkExtent(id wire.ExtentID, live uint64) {
	w.t.Helper()
	x, _ := w.extent(id)
	if x.Live != live || (x.Last == 0) != (live > 0) || x.First == 0 || x.First > w.version || int(x.Parts) != (len(x.Receipts)+receiptsPerPart-1)/receiptsPerPart {
		w.t.Fatalf("extent with %d references is recorded as %+v", live, x.ExtentFacts)
	}
}
