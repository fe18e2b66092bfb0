package update

import (
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

var (
	dirA = wire.NodeID{0xa1}
	dirB = wire.NodeID{0xa2}
	link = wire.NodeID{0xa3}
)

func at(dir wire.NodeID, s string) []byte { return DirEntryKey(dir, []byte(s)) }

func node(kind EntryKind, child wire.NodeID) []byte {
	return DirEntry{Kind: kind, Child: child, SealedKey: []byte("key"), SealedAttr: []byte("attr")}.Encode()
}

// parent describes what the state says of where a node is.
func (w *world) parent(n wire.NodeID) string {
	w.t.Helper()
	p, found, err := ReadParent(ctx, w.state, n)
	if err != nil {
		w.t.Fatal(err)
	}
	if !found {
		return "nowhere"
	}
	names := map[wire.NodeID]string{root: "root", dirA: "a", dirB: "b"}
	return names[p.Dir] + "/" + string(p.Name)
}

func TestParentsFollowEntries(t *testing.T) {
	w := newWorld(t)
	empty := func(dir wire.NodeID) Action { return DeleteRange(DirRange(dir)) }
	for i, step := range []struct {
		actions          []Action
		dir, file, link_ string
	}{
		{[]Action{Set(at(root, "a"), node(KindDir, dirA)), Set(at(dirA, "f"), entry(fileA)), Set(at(dirA, "l"), node(KindSymlink, link))}, "root/a", "a/", "a/l"},
		{[]Action{Set(at(root, "a"), node(KindDir, dirA))}, "root/a", "a/", "a/l"},
		{[]Action{Move(at(root, "a"), at(root, "x")), Move(at(dirA, "l"), at(dirA, "m"))}, "root/x", "a/", "a/m"},
		{[]Action{Set(at(dirA, "."), node(KindDir, dirA))}, "root/x", "a/", "a/m"},
		{[]Action{Set(at(root, "b"), node(KindDir, dirB)), Set(at(dirB, "a"), node(KindDir, dirA)), Delete(at(root, "x"))}, "b/a", "a/", "a/m"},
		{[]Action{Move(at(dirA, "f"), at(dirB, "f"))}, "b/a", "b/", "a/m"},
		{[]Action{Delete(at(dirB, "a"))}, "b/a", "b/", "a/m"}, // its content must still be found
		{[]Action{empty(dirA)}, "nowhere", "b/", "nowhere"},
		{[]Action{Delete(at(dirB, "f"))}, "nowhere", "b/", "nowhere"},
		{[]Action{DeleteFile(fileA)}, "nowhere", "nowhere", "nowhere"},
		{[]Action{Set(at(dirB, "a"), node(KindDir, dirA)), Set(at(dirA, "l"), node(KindSymlink, link))}, "b/a", "nowhere", "a/l"},
		{[]Action{empty(dirA), Delete(at(dirB, "a"))}, "nowhere", "nowhere", "nowhere"},
	} {
		w.must(step.actions...)
		if dir, file, l := w.parent(dirA), w.parent(fileA), w.parent(link); dir != step.dir || file != step.file || l != step.link_ {
			t.Errorf("step %d: directory %s, file %s, link %s; want %+v", i, dir, file, l, step)
		}
	}
}

// A writer whose rights end at a directory changes nothing outside it.
func TestScopeOfWriters(t *testing.T) {
	fresh, staged := wire.NodeID{0xc1}, wire.NodeID{0xc2}
	deep := wire.NodeID{0xc3}
	guest := keyOf(7)
	block := []BlockRef{inline('x', 1)}
	for name, c := range map[string]struct {
		actions []Action
		ok      bool
	}{
		"a file in it":                  {[]Action{Append(fresh, block), Set(at(dirA, "n"), entry(fresh)), Set(at(fresh, "."), entry(fresh))}, true},
		"a directory in it":             {[]Action{Set(at(dirA, "n"), node(KindDir, fresh)), Set(at(fresh, "f"), entry(wire.NodeID{0xc9}))}, true},
		"far below it":                  {[]Action{Set(at(deep, "n"), entry(fresh))}, true},
		"a file of the owner's in it":   {[]Action{Append(fileA, block)}, true},
		"taking a file of his away":     {[]Action{Delete(at(dirA, "f")), DeleteFile(fileA)}, true},
		"taking a tree away":            {[]Action{Delete(at(dirA, "deep")), DeleteRange(DirRange(deep))}, true},
		"a large file under a fresh id": {[]Action{Append(staged, block), Delete(at(dirA, "f")), DeleteFile(fileA), CopyFile(staged, fileA, 3), DeleteFile(staged), Set(at(dirA, "f"), entry(fileA))}, true},
		"moving within it":              {[]Action{Set(at(dirA, "g"), node(KindDir, deep)), Delete(at(dirA, "deep"))}, true},
		"the root":                      {[]Action{Set(at(root, "n"), entry(fresh))}, false},
		"its own entry":                 {[]Action{Delete(at(root, "a"))}, false},
		"a directory beside it":         {[]Action{Set(at(dirB, "n"), entry(fresh))}, false},
		"emptying that":                 {[]Action{DeleteRange(DirRange(dirB))}, false},
		"emptying everything":           {[]Action{DeleteRange([]byte{kindDir}, []byte{kindDir + 1})}, false},
		"a range that begins in it":     {[]Action{DeleteRange(at(dirA, "a"), []byte{kindDir + 1})}, false},
		"a file beside it":              {[]Action{Append(fileB, block)}, false},
		"cutting that":                  {[]Action{Splice(fileB, 0, 1, nil)}, false},
		"pulling a directory in":        {[]Action{Set(at(dirA, "n"), node(KindDir, dirB))}, false},
		"pulling the root in":           {[]Action{Set(at(dirA, "n"), node(KindDir, root))}, false},
		"pulling a file in":             {[]Action{Set(at(dirA, "n"), entry(fileB))}, false},
		"moving it out":                 {[]Action{Move(at(dirA, "f"), at(dirB, "f"))}, false},
		"copying another's entries":     {[]Action{CopyDir(dirB, dirA, 1)}, false},
		"copying into another":          {[]Action{CopyDir(dirA, dirB, 1)}, false},
		"overwriting another's":         {[]Action{CopyFile(fileA, fileB, 1)}, false},
		"letting others in":             {[]Action{Set(WriterKey(keyOf(9).Public()), Writer{Rights: RightWrite, By: guest.Public()}.Encode())}, false},
		"a directory that hangs loose":  {[]Action{Set(at(wire.NodeID{0xee}, "n"), entry(fresh))}, false},
	} {
		w := newWorld(t)
		w.must(
			Set(at(root, "a"), node(KindDir, dirA)), Set(at(root, "b"), node(KindDir, dirB)), Set(at(dirA, "deep"), node(KindDir, deep)),
			Append(fileA, block), Append(fileB, block), Set(at(dirA, "f"), entry(fileA)), Set(at(dirB, "f"), entry(fileB)),
			Set(at(wire.NodeID{0xee}, "loose"), entry(wire.NodeID{0xef})),
		)
		w.must(Set(WriterKey(guest.Public()), Writer{Rights: RightWrite, Scope: dirA, By: w.owner.Public()}.Encode()))
		w.must(Append(staged, block))
		u := w.update(Clause{Actions: c.actions})
		u.Session = wire.SessionID{2}
		o := w.commit(Sign(guest, u))[0]
		if (o.Status == Applied) != c.ok || !c.ok && o.Reason != ReasonNotAllowed {
			t.Errorf("%s: %+v, %v", name, o, o.Reason)
		}
	}
}
