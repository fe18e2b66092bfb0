package server_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/apitest"
	"github.com/atollnet/atoll/internal/api/protocol"
	"github.com/atollnet/atoll/internal/api/server"
	"github.com/atollnet/atoll/internal/errs"
)

func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestSocketIsItsOwnersAlone(t *testing.T) {
	path := filepath.Join(socketDir(t), "a", "b", "api.sock")
	l, err := server.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, want := range map[string]fs.FileMode{path: 0o600 | fs.ModeSocket, filepath.Dir(path): 0o700 | fs.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestStaleSocketIsTakenOverNothingElse(t *testing.T) {
	path := filepath.Join(socketDir(t), "api.sock")
	first, err := server.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := server.Listen(path)
	if err != nil {
		t.Fatalf("a socket was in the way: %v", err)
	}
	second.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Listen(path); errs.KindOf(err) != errs.Refused {
		t.Errorf("a file was in the way: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("the file now holds %q, %v", b, err)
	}
}

func TestBadRequests(t *testing.T) {
	s := httptest.NewServer(server.Handler(apitest.New()))
	defer s.Close()
	q := func(json string) string { return "?q=" + url.QueryEscape(json) }
	for _, c := range []struct {
		method, target, timeout, body string
		kind                          errs.Kind
	}{
		{"GET", "/v1/nonsense", "", "", errs.Usage},
		{"POST", "/v1/status", "", "", errs.Usage},
		{"GET", "/v1/status", "soon", "", errs.Usage},
		{"GET", "/v1/status", "-1s", "", errs.Usage},
		{"GET", "/v1/entry", "", "", errs.Usage},
		{"GET", "/v1/entry" + q(`{"ref":7}`), "", "", errs.Usage},
		{"GET", "/v1/entry" + q(`{"ref":"home:/","unheard":1}`), "", "", errs.Usage},
		{"GET", "/v1/file" + q(`{"ref":"home:/gone"}`), "", "", errs.NotFound},
		{"GET", "/v1/tree" + q(`{}`), "", "", errs.Usage},
		{"GET", "/v1/entries" + q(`[]`), "", "", errs.Usage},
		{"PUT", "/v1/tree" + q(`{"dest":"home:/t"}`), "", "", errs.Other},
		{"PUT", "/v1/tree" + q(`{"dest":"home:/t"}`), "", strings.Repeat("x", 1024), errs.Other},
		{"PUT", "/v1/tree" + q(`{"dest":"home:/t"}`), "", string(make([]byte, 1024)), errs.Usage},
		{"PUT", "/v1/file" + q(`{"dest":"home:/","symlink":"%00`), "", "", errs.Usage},
	} {
		r, err := http.NewRequest(c.method, s.URL+c.target, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.timeout != "" {
			r.Header.Set(protocol.HeaderTimeout, c.timeout)
		}
		w, err := s.Client().Do(r)
		if err != nil {
			t.Fatalf("%s %s: %v", c.method, c.target, err)
		}
		var f protocol.Failure
		err = json.NewDecoder(w.Body).Decode(&f)
		w.Body.Close()
		if err != nil || f.Error == nil || f.Error.Kind != c.kind.String() || f.Error.Code != c.kind.ExitCode() {
			t.Errorf("%s %s: %s, %+v, %v, want %v", c.method, c.target, w.Status, f.Error, err, c.kind)
		}
	}
}

func TestOversizedHeadIsRefused(t *testing.T) {
	s := httptest.NewUnstartedServer(server.Handler(apitest.New()))
	s.Config.MaxHeaderBytes = protocol.HeaderBytesMax
	s.Start()
	defer s.Close()
	w, err := s.Client().Get(s.URL + "/v1/entry?q=" + strings.Repeat("x", 2*protocol.HeaderBytesMax))
	if err == nil {
		w.Body.Close()
		if w.StatusCode < 400 {
			t.Errorf("%s", w.Status)
		}
	}
}

// tree is a PAX tar stream of the entries.
func tree(t *testing.T, entries ...api.TreeEntry) io.Reader {
	var out strings.Builder
	w := protocol.NewTreeWriter(&out)
	for _, e := range entries {
		if err := w.Add(e, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.NewReader(out.String())
}

func TestTreesHaveOneRootAndItIsADirectory(t *testing.T) {
	root := api.TreeEntry{Kind: api.Dir}
	file := api.TreeEntry{Path: "f", Kind: api.File}
	s := httptest.NewServer(server.Handler(apitest.New()))
	defer s.Close()
	for i, c := range []struct {
		entries []api.TreeEntry
		ok      bool
	}{
		{[]api.TreeEntry{root, file}, true},
		{[]api.TreeEntry{file}, false},
		{[]api.TreeEntry{{Kind: api.File}}, false},
		{[]api.TreeEntry{root, file, root}, false},
	} {
		r, err := protocol.NewRequest(protocol.PutTree, api.PutTreeRequest{Dest: "home:/t"}, tree(t, c.entries...))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Host = strings.TrimPrefix(s.URL, "http://")
		w, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var e protocol.Event
		for d := json.NewDecoder(w.Body); e.Error == nil && e.Result == nil && err == nil; {
			err = d.Decode(&e)
		}
		w.Body.Close()
		if err != nil && !errors.Is(err, io.EOF) || (e.Error == nil) != c.ok {
			t.Errorf("case %d: %+v, %v", i, e, err)
		}
	}
}
