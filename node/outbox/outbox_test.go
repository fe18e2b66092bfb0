package outbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/atollnet/atoll/internal/errs"
)

func open(t *testing.T, dir string) *Box {
	t.Helper()
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// holds compares what a box holds, as "id verb dest base content".
func holds(t *testing.T, b *Box, want ...string) {
	t.Helper()
	var got []string
	for _, i := range b.List() {
		r, err := b.Content(i)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || r.Close() != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s %s %d %s", i.ID, i.Verb, i.Dest, i.Base, content))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("it holds %q, want %q", got, want)
	}
}

func TestChangesOutliveTheProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pending")
	b := open(t, dir)
	add := func(verb, dest string, base uint64, content string) {
		t.Helper()
		item := Item{Verb: verb, Dest: dest, Base: base, Request: []byte("{}")}
		if _, err := b.Add(item, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	add("put", "home:/a", 5, "one")
	add("mkdir", "home:/d", 5, "")
	add("put", "home:/d/b", 5, "two")
	add("put", "home:/a", 6, "three") // which takes the place of the first
	want := []string{"2 mkdir home:/d 5 ", "3 put home:/d/b 5 two", "4 put home:/a 5 three"}
	holds(t, b, want...)
	b = open(t, dir)
	holds(t, b, want...)

	aside, err := b.Find(4)
	aside.Reason = "it changed"
	if err != nil || b.Update(aside) != nil {
		t.Fatal(err)
	}
	add("put", "home:/a", 9, "four") // what is kept aside stays
	holds(t, b, append(want, "5 put home:/a 9 four")...)
	if err := b.Remove(3); err != nil {
		t.Fatal(err)
	}
	if err := b.Remove(3); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	b = open(t, dir)
	holds(t, b, want[0], want[2], "5 put home:/a 9 four")
}

func TestWhatACrashLeavesIsNoChange(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if _, err := b.Add(Item{Verb: "put", Request: []byte("{}")}, strings.NewReader("one")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0000000000000002.body", "0000000000000002.json.new", "0000000000000001.body.new"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, open(t, dir), "1 put  0 one")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "0000000000000001.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); errs.KindOf(err) != errs.Damaged {
		t.Errorf("a change that does not parse: %v", err)
	}
}

func TestContentThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	cut := errors.New("cut off")
	if _, err := b.Add(Item{Verb: "put", Request: []byte("{}")}, iotest.ErrReader(cut)); !errors.Is(err, cut) {
		t.Error(err)
	}
	holds(t, b)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestABoxHasABottom(t *testing.T) {
	b := open(t, t.TempDir())
	b.items = make([]Item, ItemsMax)
	if _, err := b.Add(Item{Verb: "put"}, nil); errs.KindOf(err) != errs.Full {
		t.Error(err)
	}
	b.items = nil
	if _, err := b.Add(Item{Verb: "put", Dest: strings.Repeat("x", ItemBytesMax), Request: []byte("{}")}, nil); errs.KindOf(err) != errs.Usage {
		t.Error(err)
	}
}
