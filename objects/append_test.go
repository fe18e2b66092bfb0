package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// append appends what comes with its end, so that a last line that has none goes
// with those before it.
func (w *world) append(g *Gateway, path, content string) Change {
	w.t.Helper()
	c, err := g.Append(w.t.Context(), Dest{Place: w.place, Path: path}, 0o600, iotest.DataErrReader(strings.NewReader(content)))
	if err != nil {
		w.t.Fatalf("append to %q: %v", path, err)
	}
	return c
}

// reads checks what a file holds in the newest version.
func (w *world) reads(g *Gateway, path, want string) {
	w.t.Helper()
	got, err := w.read(g, path)
	if err != nil || string(got) != want {
		w.t.Errorf("%s: %d bytes, %.40q, want %d, %.40q; %v", path, len(got), got, len(want), want, err)
	}
}

func (w *world) stat(g *Gateway, path string) *Entry {
	w.t.Helper()
	s, root, err := g.snapshotOf(w.t.Context(), w.place)
	if err != nil {
		w.t.Fatal(err)
	}
	e, err := s.Lookup(w.t.Context(), root, path)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

func TestAppendMakesAFileAndThenExtendsIt(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	made := w.append(g, "log", "one\n")
	if made.Version != 1 || made.Previous != 0 || made.Bytes != 4 || made.Path != "log" {
		t.Errorf("the first append: %+v", made)
	}
	first := w.stat(g, "log")
	more := w.append(g, "log", "two\nthr")
	if more.Version != 2 || more.Previous != 1 || more.Node != made.Node || more.Key != made.Key {
		t.Errorf("the second append: %+v", more)
	}
	w.append(g, "log", "ee\n")
	w.reads(g, "log", "one\ntwo\nthree\n")
	e := w.stat(g, "log")
	if e.Changed != 3 || e.Attr.Mode != 0o600 || e.Attr.Sec <= first.Attr.Sec {
		t.Errorf("%+v, want version 3, the mode that it was made with, and a later time than %d", e, first.Attr.Sec)
	}
	if c := w.append(g, "log", ""); c.Version != 0 || c.Node != made.Node {
		t.Errorf("nothing appended: %+v", c)
	}
	if c := w.append(g, "none", ""); c.Version != 4 {
		t.Errorf("nothing appended to what is not there: %+v", c)
	}
	w.reads(g, "none", "")
}

func TestAppendOfEverySizeInFewUpdates(t *testing.T) {
	w := newWorld(t, 40)
	g := w.gateway(0)
	var want strings.Builder
	for i, size := range []int{1, wire.InlineBytesMax, wire.InlineBytesMax + 1, appendInlineMax, appendInlineMax + 1, 300 << 10, 3 << 20} {
		text := strings.Repeat(fmt.Sprintf("%d abcdefghijklmnopqrstuvwxyz ", i), size)[:size-1] + "\n"
		want.WriteString(text)
		c := w.append(g, "log", text)
		if c.Bytes != int64(size) || (c.SentBytes > 0) != (size > appendInlineMax) {
			t.Errorf("size %d: %+v", size, c.Report)
		}
	}
	w.archive()
	w.reads(w.gateway(20), "log", want.String())
}

func TestAppendInTheOrderOfUpdatesTearsNoLine(t *testing.T) {
	w := newWorld(t, 4)
	g := w.gateway(0)
	const clients, lines = 8, 40
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			var text strings.Builder
			for n := range lines {
				fmt.Fprintf(&text, "%d:%d:%s\n", i, n, strings.Repeat("x", 700))
			}
			// Pieces that end anywhere.
			in := iotest.OneByteReader(strings.NewReader(text.String()))
			if _, err := g.Append(t.Context(), Dest{Place: w.place, Path: "log"}, 0o644, in); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got, err := w.read(g, "log")
	if err != nil {
		t.Fatal(err)
	}
	next := make([]int, clients)
	for line := range bytes.Lines(got) {
		var i, n int
		var rest string
		if _, err := fmt.Sscanf(string(line), "%d:%d:%s\n", &i, &n, &rest); err != nil || len(rest) != 700 || next[i] != n {
			t.Fatalf("line %.20q of %d bytes is torn or out of order: %v", line, len(line), err)
		}
		next[i]++
	}
	if slices.Min(next) != lines {
		t.Errorf("so many lines of each client: %v", next)
	}
}

// TestALineIsOrderedWhenItArrives: not when the input ends.
func TestALineIsOrderedWhenItArrives(t *testing.T) {
	w := newWorld(t, 4)
	g := w.gateway(0)
	r, in := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := g.Append(t.Context(), Dest{Place: w.place, Path: "log"}, 0o644, r)
		done <- err
	}()
	for i, want := range []string{"one\n", "one\ntwo\n", "one\ntwo\nthree\n"} {
		if _, err := io.WriteString(in, []string{"one\n", "two\n", "three\nfo"}[i]); err != nil {
			t.Fatal(err)
		}
		for got := ""; got != want; {
			b, err := w.read(g, "log")
			if err != nil && errs.KindOf(err) != errs.NotFound {
				t.Fatal(err)
			}
			got = string(b)
		}
	}
	// What is no whole line when its writer breaks off is not appended.
	in.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-done; !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(errs.HintOf(err), "the first 14 bytes are in the file, as of version 3") {
		t.Errorf("an input that breaks off: %v (%s)", err, errs.HintOf(err))
	}
	w.reads(g, "log", "one\ntwo\nthree\n")
}

func TestALineThatIsTooLongIsNotTorn(t *testing.T) {
	w := newWorld(t, 4)
	g := w.gateway(0)
	longest := strings.Repeat("y", wire.LineBytesMax-1)
	w.append(g, "log", "a\n"+longest+"\n"+longest+"z")
	w.reads(g, "log", "a\n"+longest+"\n"+longest+"z")
	for _, text := range []string{longest + "zz", longest + "z\n"} {
		_, err := g.Append(t.Context(), Dest{Place: w.place, Path: "other"}, 0o644, strings.NewReader("a\n"+text))
		if errs.KindOf(err) != errs.Usage || !strings.Contains(errs.HintOf(err), "the first 2 bytes are in the file") {
			t.Errorf("%v (%s)", err, errs.HintOf(err))
		}
	}
	w.reads(g, "other", "a\na\n")
}

func TestAppendRefuses(t *testing.T) {
	w := newWorld(t, 4)
	g := w.gateway(0)
	if _, err := g.Mkdir(t.Context(), w.place, "dir", envelope.Attr{Mode: 0o755}, false); err != nil {
		t.Fatal(err)
	}
	link := File{Kind: update.KindSymlink, Attr: envelope.Attr{Mode: 0o777, Target: "log"}}
	if _, err := g.Put(t.Context(), Dest{Place: w.place, Path: "link"}, link, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		into bool
		kind errs.Kind
	}{{"dir", false, errs.Usage}, {"", false, errs.Usage}, {"link", false, errs.Usage}, {"new", true, errs.Usage}, {"none/log", false, errs.NotFound}, {"link/log", false, errs.NotFound}} {
		_, err := g.Append(t.Context(), Dest{Place: w.place, Path: c.path, Into: c.into}, 0o644, strings.NewReader("x\n"))
		if err == nil || errs.KindOf(err) != c.kind {
			t.Errorf("%+v: %v", c, err)
		}
	}
	stranger := w.gateway(0)
	stranger.Author = wire.NewKey([32]byte{77})
	_, err := stranger.Append(t.Context(), Dest{Place: w.place, Path: "log"}, 0o644, strings.NewReader("x\n"))
	if errs.KindOf(err) != errs.Refused {
		t.Errorf("by somebody who may not write: %v", err)
	}
}

// TestAppendFollowsTheName: who appends for long goes on with whatever has the
// file's name.
func TestAppendFollowsTheName(t *testing.T) {
	w := newWorld(t, 4)
	g, other := w.gateway(0), w.gateway(0)
	r, in := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := g.Append(t.Context(), Dest{Place: w.place, Path: "log"}, 0o644, r)
		done <- err
	}()
	say := func(line, want string) {
		t.Helper()
		if _, err := io.WriteString(in, line); err != nil {
			t.Fatal(err)
		}
		for got := ""; got != want; {
			b, err := w.read(g, "log")
			if err != nil && errs.KindOf(err) != errs.NotFound {
				t.Fatal(err)
			}
			got = string(b)
		}
	}
	say("1\n", "1\n")
	w.put(other, "log", []byte("put\n"))
	say("2\n", "put\n2\n")
	if _, err := other.Move(t.Context(), w.place, "log", Dest{Place: w.place, Path: "log.1"}, Condition{}); err != nil {
		t.Fatal(err)
	}
	say("3\n", "3\n")
	w.reads(g, "log.1", "put\n2\n")
	if _, err := other.Remove(t.Context(), w.place, "log", false, nil); err != nil {
		t.Fatal(err)
	}
	say("4\n", "4\n")
	in.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAppendToTheFileOfAReference(t *testing.T) {
	w := newWorld(t, 4)
	g := w.gateway(0)
	if _, err := g.PutTree(t.Context(), Dest{Place: w.place, Path: "d"}, Condition{}, TreeOptions{}, newTree(map[string][]byte{"log": []byte("1\n"), "other": nil})); err != nil {
		t.Fatal(err)
	}
	e := w.stat(g, "d/log")
	p := Place{Object: w.object, Node: e.ID, Key: e.Key}
	say := func(line string) error {
		_, err := g.Append(t.Context(), Dest{Place: p}, 0o644, strings.NewReader(line))
		return err
	}
	if err := say("2\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Move(t.Context(), w.place, "d/log", Dest{Place: w.place, Path: "moved"}, Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := say("3\n"); err != nil {
		t.Fatal(err)
	}
	w.reads(g, "moved", "1\n2\n3\n")
	if _, err := g.Remove(t.Context(), w.place, "moved", false, nil); err != nil {
		t.Fatal(err)
	}
	if err := say("4\n"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("of a file that was removed: %v", err)
	}
}

// TestConditionsSeeAppends: what was appended counts as a change, although the
// entry stays what it was.
func TestConditionsSeeAppends(t *testing.T) {
	w := newWorld(t, 4)
	g := w.gateway(0)
	seen := w.put(g, "log", []byte("1\n")).Version
	late := w.append(g, "log", "2\n").Version
	put := func(v wire.Version, content io.Reader) error {
		_, err := g.Put(t.Context(), Dest{Place: w.place, Path: "log"}, File{Kind: update.KindFile, Condition: Condition{IfVersion: &v}}, content)
		return err
	}
	if err := put(seen, strings.NewReader("x")); errs.KindOf(err) != errs.Conflict {
		t.Errorf("put --if-version %d after an append in %d: %v", seen, late, err)
	}
	if _, err := g.Remove(t.Context(), w.place, "log", false, &seen); errs.KindOf(err) != errs.Conflict {
		t.Errorf("rm --if-version %d after an append in %d: %v", seen, late, err)
	}
	// The append comes while the content of the put is on its way.
	meanwhile := func(then func()) io.Reader {
		return io.MultiReader(strings.NewReader("x"), readerFunc(func([]byte) (int, error) { then(); return 0, io.EOF }))
	}
	if err := put(late, meanwhile(func() { w.append(g, "log", "3\n") })); errs.KindOf(err) != errs.Conflict {
		t.Errorf("put --if-version with an append in its midst: %v", err)
	}
	w.reads(g, "log", "1\n2\n3\n")
	if err := put(w.stat(g, "log").Changed, strings.NewReader("x")); err != nil {
		t.Error(err)
	}
	w.reads(g, "log", "x")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestTimesOfAppendsAreLaterWhateverTheClock(t *testing.T) {
	w := newWorld(t, 4)
	g := w.gateway(0)
	future := envelope.Attr{Mode: 0o644, Sec: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).Unix()}
	c, err := g.Put(t.Context(), Dest{Place: w.place, Path: "log"}, File{Kind: update.KindFile, Attr: future, Named: true}, strings.NewReader("1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if e := w.stat(g, "log"); e.Changed != c.Version || e.Attr != future {
		t.Errorf("before: %+v", e)
	}
	c = w.append(g, "log", "2\n")
	if e := w.stat(g, "log"); e.Changed != c.Version || e.Attr.Sec != future.Sec || e.Attr.Nsec != 1 {
		t.Errorf("after: %+v", e)
	}
}

func TestSharingIsNoChangeOfAFile(t *testing.T) {
	s := newSharing(t)
	if _, err := s.owner.PutTree(s.ctx, Dest{Place: s.place, Path: "d"}, Condition{}, TreeOptions{}, newTree(map[string][]byte{"f": []byte("f")})); err != nil {
		t.Fatal(err)
	}
	before := s.stat(s.owner, "d/f")
	if _, err := s.owner.Share(s.ctx, s.place, "d/f"); err != nil {
		t.Fatal(err)
	}
	if e := s.stat(s.owner, "d/f"); e.Changed != before.Changed || e.Attr != before.Attr {
		t.Errorf("%+v, want version %d", e, before.Changed)
	}
}

func TestAGuestAppendsBelowHisPlaceAndNowhereElse(t *testing.T) {
	s := newSharing(t)
	bare := Place{Object: s.object, Node: s.place.Node, Key: s.place.Key}
	say := func(p Place, path string) error {
		_, err := s.guest.Append(s.ctx, Dest{Place: p, Path: path}, 0o644, strings.NewReader("hi\n"))
		return err
	}
	s.wants("appending before it was allowed", say(bare, "shared/log"), errs.Refused)
	p := s.admit("shared")
	for _, path := range []string{"log", "log", "deep/log", "deep/a"} {
		if err := say(p, path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	w, g := s.world, s.owner
	w.reads(g, "shared/log", "hi\nhi\n")
	w.reads(g, "shared/deep/a", string(random(1, 100<<10))+"hi\n")
	e := w.stat(g, "shared/log")
	if err := say(Place{Object: s.object, Node: e.ID, Key: e.Key}, ""); err != nil {
		t.Errorf("by a reference to the file: %v", err)
	}
	s.wants("appending beside the place", say(bare, "private/b"), errs.Refused)
	s.wants("making a file beside the place", say(bare, "private/new"), errs.Refused)
	w.reads(g, "private/b", "b")
}

// TestAppendWhileOthersPutOverTheFile: it asked for no condition, so it gets
// through.
func TestAppendWhileOthersPutOverTheFile(t *testing.T) {
	w := newWorld(t, 4)
	g, other := w.gateway(0), w.gateway(0)
	w.put(other, "log", nil)
	g.Ring = &overtaken{Ring: g.Ring, left: 2 * staleTriesMax, first: func() { w.put(other, "log", []byte("put\n")) }}
	w.append(g, "log", "line\n")
	w.reads(g, "log", "put\nline\n")
	g.Ring = &overtaken{Ring: g.Ring, left: 2 * appendTriesMax, first: func() { w.put(other, "log", []byte("put\n")) }}
	_, err := g.Append(t.Context(), Dest{Place: w.place, Path: "log"}, 0o644, strings.NewReader("line\n"))
	if errs.KindOf(err) != errs.Conflict {
		t.Errorf("with others that never stop: %v", err)
	}
}

// overtaken is a ring to which others are faster, so many times.
type overtaken struct {
	Ring
	left  int
	first func()
}

func (o *overtaken) Submit(ctx context.Context, object wire.ObjectID, signed []byte) (Ordered, error) {
	if o.left--; o.left >= 0 {
		o.first()
	}
	return o.Ring.Submit(ctx, object, signed)
}
