package api

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/atollnet/atoll/internal/errs"
)

var paths = []struct{ raw, text string }{
	{"", ""},
	{"/", "/"},
	{"/a b/é:x", "/a b/é:x"},
	{"user@host", "user%40host"},
	{"100%", "100%25"},
	{"a\nb\x7f\u0085", "a%0Ab%7F%C2%85"},
	{"\xff\xc3", "%FF%C3"},
	{"\u2028\u202e", "%E2%80%A8%E2%80%AE"},
	{"\ufffd", "\ufffd"},
}

func TestPathText(t *testing.T) {
	for _, c := range paths {
		if got := Path(c.raw).String(); got != c.text {
			t.Errorf("text of %q is %q, want %q", c.raw, got, c.text)
		}
		if got, err := ParsePath(c.text); err != nil || got != Path(c.raw) {
			t.Errorf("%q parses as %q, %v, want %q", c.text, got, err, c.raw)
		}
	}
	for _, bad := range []string{"%", "a%4", "%zz", "%%40"} {
		if _, err := ParsePath(bad); !errors.Is(err, ErrPath) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if p, err := ParsePath("%4a%4A"); err != nil || p != "JJ" {
		t.Errorf("either case of hex: %q, %v", p, err)
	}
}

func FuzzPath(f *testing.F) {
	for _, c := range paths {
		f.Add(c.raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		text := Path(raw).String()
		if !utf8.ValidString(text) {
			t.Fatalf("%q is no UTF-8", text)
		}
		again, err := ParsePath(text)
		if err != nil || string(again) != raw {
			t.Fatalf("%q became %q, %v", raw, again, err)
		}
		if ref := EscapeBytes(raw); EscapeBytes(ref) != ref || !utf8.ValidString(ref) {
			t.Fatalf("%q is not clean", ref)
		}
		p, err := ParsePath(raw)
		if err != nil {
			return
		}
		if q, err := ParsePath(p.String()); err != nil || q != p {
			t.Fatalf("%q parses as %q, whose text parses as %q, %v", raw, p, q, err)
		}
	})
}

func TestPathParts(t *testing.T) {
	for _, c := range []struct {
		path, root  Path
		base, below string
		parts       int
	}{
		{"/", "/", "", "", 0},
		{"/a/b", "/", "b", "a/b", 2},
		{"/a/b", "/a", "b", "b", 2},
		{"/a/b", "/a/b", "b", "", 2},
		{"/a/", "/", "a", "a", 1},
	} {
		if c.path.Base() != c.base || string(c.path.Below(c.root)) != c.below || len(c.path.Components()) != c.parts {
			t.Errorf("%q: base %q, below %q, components %q", c.path, c.path.Base(), c.path.Below(c.root), c.path.Components())
		}
	}
}

func TestEntryCrossesAsJSON(t *testing.T) {
	e := Entry{Path: "/a@\xff\n", Kind: Symlink, Target: "\xfe", Version: 7}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var again Entry
	if err := json.Unmarshal(b, &again); err != nil || again != e {
		t.Errorf("%s became %+v, %v", b, again, err)
	}
}

func TestErrorsCrossWithKindAndHint(t *testing.T) {
	sent := errs.Hint(errs.New("put", "home:/x", errs.NoQuorum, errors.New("two of three answer")), "try again")
	got := NewError(sent).Err()
	if errs.KindOf(got) != errs.NoQuorum || errs.HintOf(got) != "try again" || got.Error() != sent.Error() {
		t.Errorf("%v (%v, hint %q)", got, errs.KindOf(got), errs.HintOf(got))
	}
}

type recorder struct {
	progress []Progress
	notes    []string
}

func (r *recorder) Progress(p Progress) { r.progress = append(r.progress, p) }
func (r *recorder) Note(text string)    { r.notes = append(r.notes, text) }

func TestReportReachesTheObserver(t *testing.T) {
	Report(context.Background(), Progress{})
	Note(context.Background(), "nobody hears")
	var r recorder
	ctx := WithObserver(context.Background(), &r)
	Report(ctx, Progress{Phase: "storing", Done: 3})
	Note(ctx, "one %s", "copy")
	if len(r.progress) != 1 || r.progress[0].Done != 3 || len(r.notes) != 1 || r.notes[0] != "one copy" {
		t.Errorf("%+v", r)
	}
}
