package objects

import (
	"bytes"
	"io"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// forge makes a version as a lying ring could: with any change of the state.
func (w *world) forge(change func(e *tree.Editor)) {
	w.t.Helper()
	e := tree.Load(w.nodes, w.root).Edit(w.newest + 1)
	change(e)
	root, nodes, err := e.Commit(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.root, w.newest = root, w.newest+1
	w.keep(w.newest, nodes)
}

func (w *world) set(e *tree.Editor, key, value []byte) {
	w.t.Helper()
	if err := e.Set(key, value); err != nil {
		w.t.Fatal(err)
	}
}

// move gives the block at one offset of a file another offset.
func (w *world) move(e *tree.Editor, file wire.NodeID, from, to uint64) {
	w.t.Helper()
	entry, found, err := e.Get(w.t.Context(), update.BlockKey(file, from))
	if err != nil || !found {
		w.t.Fatalf("block at %d: found %v, %v", from, found, err)
	}
	e.Delete(update.BlockKey(file, from))
	w.set(e, update.BlockKey(file, to), entry.Value)
}

func TestSizesAndOffsetsThatLieAreDamage(t *testing.T) {
	const n = 3000 // of each file: one inline block
	for name, lie := range map[string]func(w *world, e *tree.Editor, a, b wire.NodeID){
		"size too small": func(w *world, e *tree.Editor, a, _ wire.NodeID) {
			w.set(e, update.FileKey(a), update.FileInfo{Size: n - 1, Links: 1, Blocks: 1}.Encode())
		},
		"size too large, the next file fits": func(w *world, e *tree.Editor, a, _ wire.NodeID) {
			w.set(e, update.FileKey(a), update.FileInfo{Size: 2 * n, Links: 1, Blocks: 1}.Encode())
		},
		"immense size": func(w *world, e *tree.Editor, a, _ wire.NodeID) {
			w.set(e, update.FileKey(a), update.FileInfo{Size: update.FileBytesMax, Links: 1, Blocks: 1}.Encode())
		},
		"hole in front": func(w *world, e *tree.Editor, a, _ wire.NodeID) {
			w.move(e, a, 0, n)
			w.set(e, update.FileKey(a), update.FileInfo{Size: 2 * n, Links: 1, Blocks: 1}.Encode())
		},
		"longer block than said": func(w *world, e *tree.Editor, a, _ wire.NodeID) {
			entry, _, _ := e.Get(w.t.Context(), update.BlockKey(a, 0))
			ref, err := update.ParseBlockRef(entry.Value)
			if err != nil {
				w.t.Fatal(err)
			}
			ref.Length = n - 1
			w.set(e, update.BlockKey(a, 0), ref.Encode())
			w.set(e, update.FileKey(a), update.FileInfo{Size: n - 1, Links: 1, Blocks: 1}.Encode())
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3)
			g := w.gateway(0)
			a, b := w.put(g, "a", random(1, n)), w.put(g, "b", random(2, n))
			w.forge(func(e *tree.Editor) { lie(w, e, a.Node, b.Node) })
			s, root, err := g.snapshotOf(t.Context(), w.place)
			if err != nil {
				t.Fatal(err)
			}
			file, err := s.Lookup(t.Context(), root, "a")
			if err != nil {
				t.Fatal(err)
			}
			for _, from := range []int64{0, 10} {
				if err := s.ReadFile(t.Context(), file, from, -1, io.Discard); errs.KindOf(err) != errs.Damaged {
					t.Errorf("read from %d: %v", from, err)
				}
			}
			var got bytes.Buffer
			err = s.ReadTree(t.Context(), root, nil, func(e *Entry, content io.Reader) error {
				_, err := io.Copy(&got, content)
				return err
			})
			if errs.KindOf(err) != errs.Damaged || got.Len() > n {
				t.Errorf("read as a tree: %d bytes, %v", got.Len(), err)
			}
		})
	}
}
