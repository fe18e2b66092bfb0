package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

var tree = []api.TreeEntry{
	{Kind: api.Dir, Mode: 0o2755, ModTime: time.Unix(-5, 7)},
	{Path: " -\xff\n@%é", Kind: api.Dir, Mode: 0o1777, ModTime: time.Unix(1<<33, 999_999_999)},
	{Path: api.Path(strings.Repeat("d/", 150)) + "f", Kind: api.File, Mode: 0, Size: 5, ModTime: time.Unix(0, 1)},
	{Path: "l", Kind: api.Symlink, Mode: 0o777, Target: "../\xfe\n x", ModTime: time.Unix(1, 0)},
	{Path: "zeros", Kind: api.File, Size: 3000, ModTime: time.Unix(1, 0)},
	{Path: "empty", Kind: api.File, Mode: 0o4755, ModTime: time.Unix(1, 0)},
}

func writeTree(t *testing.T, entries []api.TreeEntry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewTreeWriter(&out)
	for _, e := range entries {
		if err := w.Add(e, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, e.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTreeRoundTrip(t *testing.T) {
	r := NewTreeReader(bytes.NewReader(writeTree(t, tree)))
	for _, want := range tree {
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !got.ModTime.Equal(want.ModTime) {
			t.Errorf("%q: time %v, want %v", want.Path, got.ModTime, want.ModTime)
		}
		got.ModTime = want.ModTime
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if b, err := io.ReadAll(r); err != nil || int64(len(b)) != want.Size {
			t.Errorf("%q: %d bytes, %v", want.Path, len(b), err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestTreeOfOneFileAndItsEntry(t *testing.T) {
	full := &api.Entry{Object: "o", Path: "/a\xffb", Version: 9, Kind: api.File, ModTime: time.Unix(3, 4).UTC()}
	var out bytes.Buffer
	w := NewTreeWriter(&out)
	if err := errors.Join(w.Add(api.TreeEntry{Kind: api.File}, full), w.Close()); err != nil {
		t.Fatal(err)
	}
	r := NewTreeReader(&out)
	e, err := r.Next()
	if err != nil || e.Path != "" || e.Kind != api.File || !reflect.DeepEqual(r.Full(), full) {
		t.Errorf("%+v with %+v, %v", e, r.Full(), err)
	}
}

func TestTreeRefusesWaysOut(t *testing.T) {
	for _, path := range []api.Path{"..", "../x", "a/../b", "/etc", "a//b", "./a", "a/.", "x\x00y"} {
		e := api.TreeEntry{Path: path, Kind: api.File}
		if err := NewTreeWriter(io.Discard).Add(e, nil); !errors.Is(err, ErrTree) {
			t.Errorf("%q written: %v", path, err)
		}
	}
}

func TestTreeCutOffIsAnError(t *testing.T) {
	whole := writeTree(t, tree)
	for cut := range len(whole) {
		if err := drain(NewTreeReader(bytes.NewReader(whole[:cut]))); err == io.EOF {
			t.Errorf("cut after %d of %d bytes: no error", cut, len(whole))
		}
	}
	broken := errors.New("broken")
	if err := drain(NewTreeReader(io.MultiReader(bytes.NewReader(whole), failing{broken}))); err != broken {
		t.Errorf("a verdict behind the tree was lost: %v", err)
	}
	if err := drain(NewTreeReader(bytes.NewReader(append(whole, 'x')))); !errors.Is(err, ErrTree) {
		t.Errorf("bytes behind the tree: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func drain(r *TreeReader) error {
	for {
		if _, err := r.Next(); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
	}
}

func FuzzTreeReader(f *testing.F) {
	f.Add([]byte("nonsense"))
	f.Add(make([]byte, 1024))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewTreeReader(bytes.NewReader(b))
		for {
			e, err := r.Next()
			if err != nil {
				return
			}
			if err := checkTreeEntry(e); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				return
			}
		}
	})
}

func TestRequestsCarryTheirParameters(t *testing.T) {
	sent := api.PutRequest{Dest: "home:/ä&=+ %25", Name: "\xff\n", Mode: 0o644, ModTime: time.Unix(5, 6).UTC()}
	r, err := NewRequest(Put, sent, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got api.PutRequest
	if err := ParseQuery(r, &got); err != nil || got != sent || r.Method != http.MethodPut {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := NewRequest(Stat, api.ReadRequest{Ref: strings.Repeat("x", QueryBytesMax)}, nil); errs.KindOf(err) != errs.Usage {
		t.Errorf("too long: %v", err)
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	for _, q := range []string{"", "{", "{}{}", `{"unheard":1}`, `{"offset":"x"}`, `{"ref":"` + strings.Repeat("x", QueryBytesMax) + `"}`} {
		r, _ := http.NewRequest("GET", "http://peerd/", nil)
		r.URL.RawQuery = "q=" + q
		if err := ParseQuery(r, new(api.ReadRequest)); errs.KindOf(err) != errs.Usage {
			t.Errorf("%.40q: %v", q, err)
		}
	}
}

func TestHeaderValuesAreASCII(t *testing.T) {
	sent := api.Entry{Path: "/é\U0001f3dd\n\x7f\xff", Kind: api.File}
	text, err := HeaderValue(sent)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' {
			t.Fatalf("byte %#x in %s", c, text)
		}
	}
	var got api.Entry
	if err := json.Unmarshal([]byte(text), &got); err != nil || got != sent {
		t.Errorf("%s became %+v, %v", text, got, err)
	}
}

func TestEveryFailureHasAStatus(t *testing.T) {
	for k := errs.Other; k <= errs.Interrupted; k++ {
		if s := StatusCode(k); s < 400 || http.StatusText(s) == "" {
			t.Errorf("%v: %d", k, s)
		}
	}
}
