package objects

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/cut"
)

func TestWhichRunsAreFolded(t *testing.T) {
	many := func(n, length int) []int { return slices.Repeat([]int{length}, n) }
	const medium = 20 << 10
	for _, c := range []struct {
		name          string
		lengths       []int
		from, through int64
	}{
		{"none", nil, 0, 0},
		{"few", many(foldEvery-1, 10), 0, 0},
		{"enough", many(foldEvery, 10), 0, 10 * foldEvery},
		{"more blocks than are folded at once", many(3*foldBlocksMax, 10), 0, 10 * foldBlocksMax},
		{"behind a long one", append([]int{cut.BytesMin}, many(foldEvery, 10)...), cut.BytesMin, cut.BytesMin + 10*foldEvery},
		{"before a long one", append(many(foldEvery, 10), cut.BytesMin), 0, 10 * foldEvery},
		{"long ones", many(5000, cut.BytesMin), 0, 0},
		{"medium ones", many(32, medium), 0, 32 * medium},
		{"few medium ones", many(31, medium), 0, 0},
		{"medium ones and few short", append(many(31, medium), many(200, 10)...), 0, 0},
		{"in turns", slices.Repeat([]int{10, 5000}, foldEvery), 0, foldEvery * 5010},
		{"in turns, and more than is folded at once", slices.Repeat([]int{10, medium}, foldEvery), 0, 204*(10+medium) + 10},
		{"in two runs", slices.Concat(many(200, 10), []int{cut.BytesMax}, many(300, 10)), 2000 + cut.BytesMax, 5000 + cut.BytesMax},
		{"more than is folded at once", many(40, cut.BytesMin-1), 0, 16 * (cut.BytesMin - 1)},
	} {
		from, through := foldable(c.lengths)
		if from != c.from || through != c.through {
			t.Errorf("%s: from %d to %d, want %d to %d", c.name, from, through, c.from, c.through)
		}
	}
}

func (w *world) blocks(g *Gateway, path string) int {
	w.t.Helper()
	s, err := g.Newest(w.t.Context(), w.object)
	if err != nil {
		w.t.Fatal(err)
	}
	n, err := s.blockCount(w.t.Context(), w.stat(g, path).ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestManyAppendsStayFewBlocks: by one writer after another, each with one line.
func TestManyAppendsStayFewBlocks(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	var want strings.Builder
	most, changes := 0, 0
	for i := range 6 * foldEvery {
		line := fmt.Sprintf("%d %s\n", i, strings.Repeat("x", i%90))
		if i%100 == 99 {
			line = strings.Repeat("long ", 5000) + "\n"
		}
		c := w.append(g, "log", line)
		want.WriteString(line)
		changes++
		if int(c.Version) != changes {
			t.Fatalf("append %d made version %d", changes, c.Version)
		}
		most = max(most, w.blocks(g, "log"))
	}
	if last := w.blocks(g, "log"); most > 3*foldEvery || last > most {
		t.Errorf("%d blocks at most, %d at the end", most, last)
	}
	w.reads(g, "log", want.String())
	s, root, err := g.snapshotOf(t.Context(), w.place)
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, err := range s.Log(t.Context(), root, "log", false) {
		if err != nil {
			t.Fatal(err)
		}
		shown++
	}
	if shown != changes {
		t.Errorf("the log shows %d versions of %d", shown, changes)
	}
	// An earlier version has its blocks as they were.
	half := foldEvery * 3 / 2
	old, err := s.At(t.Context(), wire.Version(half))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Restore(t.Context(), w.place, "log", old); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(want.String(), "\n")
	w.reads(g, "log", strings.Join(lines[:half], ""))
	if _, err := g.Remove(t.Context(), w.place, "log", false, nil); err != nil {
		t.Error(err)
	}
}

func TestFoldsOfManyWritersLoseNothing(t *testing.T) {
	w := newWorld(t, 8)
	g := w.gateway(0)
	const writers = 4
	w.append(g, "log", "")
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for n := range foldEvery {
				c, err := g.Append(t.Context(), Dest{Place: w.place, Path: "log"}, 0o644, strings.NewReader(fmt.Sprintf("%d %d\n", i, n)))
				if err != nil || c.Bytes == 0 {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got, err := w.read(g, "log")
	if err != nil {
		t.Fatal(err)
	}
	next := make([]int, writers)
	for line := range strings.Lines(string(got)) {
		var i, n int
		if _, err := fmt.Sscanf(line, "%d %d\n", &i, &n); err != nil || next[i] != n {
			t.Fatalf("line %q, want number %d of its writer: %v", line, next[i], err)
		}
		next[i]++
	}
	if slices.Min(next) != foldEvery {
		t.Errorf("so many lines of each writer: %v", next)
	}
	if n := w.blocks(g, "log"); n > 3*foldEvery {
		t.Errorf("%d blocks", n)
	}
}

// TestAFoldThatIsLateChangesNothing: what it read has been written over.
func TestAFoldThatIsLateChangesNothing(t *testing.T) {
	w := newWorld(t, 8)
	g := w.gateway(0)
	for range foldEvery - 1 {
		w.append(g, "log", "line\n")
	}
	put := false
	g.Ring = &overtaken{Ring: g.Ring, left: 1, first: func() { put = true; w.put(w.gateway(0), "log", []byte("put\n")) }}
	w.append(g, "log", "last\n")
	if !put {
		t.Fatal("nobody was faster")
	}
	w.reads(g, "log", "put\nlast\n")
}

// TestAFoldThatFindsNoRoomIsLeft: what is appended stands in the state itself.
func TestAFoldThatFindsNoRoomIsLeft(t *testing.T) {
	w := newWorld(t, 8)
	g := w.gateway(0)
	line := strings.Repeat("x", 99) + "\n"
	for range foldEvery - 1 {
		w.append(g, "log", line)
	}
	for _, h := range w.holders {
		h.kill()
	}
	w.append(g, "log", line)
	w.reads(g, "log", strings.Repeat(line, foldEvery))
	if n := w.blocks(g, "log"); n != foldEvery {
		t.Errorf("%d blocks", n)
	}
	_, err := g.Append(t.Context(), Dest{Place: w.place, Path: "log"}, 0o644, strings.NewReader(strings.Repeat(line, 300)))
	if errs.KindOf(err) != errs.Full {
		t.Errorf("what does not stand in the state: %v", err)
	}
}

// TestTheLargestFoldFitsInAnUpdate: as many blocks as are folded at once.
func TestTheLargestFoldFitsInAnUpdate(t *testing.T) {
	w := newWorld(t, 8)
	g := w.gateway(0)
	w.append(g, "log", "")
	a := &appender{g: g, dest: Dest{Place: w.place, Path: "log"}}
	if err := a.find(t.Context()); err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 2999) + "\n"
	for range foldBlocksMax + foldEvery - 1 {
		if _, err := a.try(t.Context(), []byte(line), nil); err != nil { // which folds nothing
			t.Fatal(err)
		}
	}
	w.append(g, "log", strings.Repeat(line, foldBesideMax/len(line)))
	w.reads(g, "log", strings.Repeat(line, foldBlocksMax+foldEvery-1+foldBesideMax/len(line)))
	if n := w.blocks(g, "log"); n > foldEvery+10 {
		t.Errorf("%d blocks", n)
	}
}
