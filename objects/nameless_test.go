package objects

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// nameless lists the files that have no name, however old.
func (w *world) nameless(g *Gateway) []wire.NodeID {
	w.t.Helper()
	s, err := g.Newest(w.t.Context(), w.object)
	if err != nil {
		w.t.Fatal(err)
	}
	files, err := s.left(w.t.Context(), w.clock().Add(namelessAfter+time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

// part is what a put has ordered of a file before it broke off.
func (w *world) part(g *Gateway, file wire.NodeID) {
	w.t.Helper()
	sealed, err := envelope.NodeKey{9}.Secrets().SealInline(w.random, []byte("half a"))
	if err == nil {
		part := update.Append(file, []update.BlockRef{{Length: 6, Sealed: sealed}})
		_, err = g.submit(w.t.Context(), w.object, &batch{clause: update.Clause{Actions: []update.Action{part}}})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// What a put has left that never ended goes a day later, and nothing else does.
func TestWhatPutsLeaveIsCollected(t *testing.T) {
	w := newWorld(t, 20)
	g := w.gateway(0)
	w.put(g, "named", random(1, 1000))
	w.put(g, "empty", nil)
	w.part(g, wire.NodeID{77})
	if files := w.nameless(g); len(files) != 1 || files[0] != (wire.NodeID{77}) {
		t.Fatalf("%v have no name", files)
	}
	collect := func() {
		t.Helper()
		if _, _, err := g.Collect(t.Context(), w.object); err != nil {
			t.Fatal(err)
		}
	}
	collect()
	if len(w.nameless(g)) != 1 {
		t.Error("it went while its put may go on")
	}
	w.mu.Lock()
	w.now = w.now.Add(namelessAfter + time.Minute)
	w.mu.Unlock()
	w.part(g, wire.NodeID{78})
	if f, err := g.Prune(t.Context(), w.object, Keep{Last: 1}, true); err != nil || f.Forgotten == 0 || len(w.nameless(g)) != 2 {
		t.Errorf("dry: %+v, %v", f, err)
	}
	collect()
	if files := w.nameless(g); len(files) != 1 || files[0] != (wire.NodeID{78}) {
		t.Errorf("%v are left", files)
	}
	for path, want := range map[string][]byte{"named": random(1, 1000), "empty": nil} {
		if got, err := w.read(g, path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
}

// atEnd calls do when all was read, before it says so.
type atEnd struct {
	io.Reader
	do func()
}

func (r *atEnd) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF && r.do != nil {
		r.do()
		r.do = nil
	}
	return n, err
}

// A large file that may not replace what somebody else has put there meanwhile
// leaves nothing.
func TestAPutThatFailsLeavesNothing(t *testing.T) {
	w := newWorld(t, 20)
	g, other := w.gateway(0), w.gateway(0)
	before := w.put(g, "f", []byte("before"))
	content := &atEnd{bytes.NewReader(random(1, 70<<20)), func() { w.put(other, "f", []byte("meanwhile")) }}
	_, err := g.Put(t.Context(), Dest{Place: w.place, Path: "f"}, File{Kind: update.KindFile, Condition: Condition{IfVersion: &before.Version}}, content)
	if errs.KindOf(err) != errs.Conflict {
		t.Fatal(err)
	}
	if files := w.nameless(g); len(files) != 0 {
		t.Errorf("%v are left", files)
	}
	if got, err := w.read(g, "f"); err != nil || string(got) != "meanwhile" {
		t.Errorf("%q, %v", got, err)
	}
}

// A file is not named when a part of it has been taken for left behind, by a
// peer whose clock is wrong, say: it would be short.
func TestAFileThatLostAPartIsNotNamed(t *testing.T) {
	w := newWorld(t, 20)
	g := w.gateway(0)
	file := wire.NodeID{77}
	grow := func(c *writer) {
		sealed, err := envelope.NodeKey{9}.Secrets().SealInline(w.random, []byte("half a"))
		if err != nil {
			t.Fatal(err)
		}
		c.ask(asked{grows: file, make: func(wire.Version) update.Clause {
			return update.Clause{Actions: []update.Action{update.Append(file, []update.BlockRef{{Length: 6, Sealed: sealed}})}}
		}})
		if err := c.barrier(); err != nil {
			t.Fatal(err)
		}
	}
	name := func(c *writer, lose bool) error {
		c.ask(asked{names: file, make: func(wire.Version) update.Clause {
			if lose { // the parts before the barrier are ordered by now
				if err := g.dropNameless(t.Context(), w.object, []wire.NodeID{file}); err != nil {
					t.Error(err)
				}
			}
			return update.Clause{Actions: []update.Action{update.Set(update.PolicyKey(), update.DefaultPolicy().Encode())}}
		}})
		_, err := c.finish(nil)
		return err
	}
	for _, lose := range []bool{true, false} {
		c := g.newWriter(t.Context(), w.object)
		grow(c)
		grow(c)
		if err := name(c, lose); lose != (errs.KindOf(err) == errs.Conflict) {
			t.Errorf("it has lost a part: %v; %v", lose, err)
		}
	}
}
