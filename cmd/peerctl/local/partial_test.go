package local

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"github.com/atollnet/atoll/internal/api"
)

func TestLargeFilesAreGoneOnWith(t *testing.T) {
	dir := t.TempDir()
	d, err := OpenDir(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	content := bytes.Repeat([]byte("atoll"), 1000)
	e := api.Entry{Kind: api.File, Version: 3, Size: int64(len(content)), Mode: 0o640, ModTime: time.Unix(5, 5)}
	resume := func(e api.Entry, done int64) *Partial {
		t.Helper()
		p, err := d.Resume("source", "f", e)
		if err != nil || p.Done() != done {
			t.Fatalf("%v, want %d bytes done: %v", p, done, err)
		}
		return p
	}
	keep := func(p *Partial, want bool) {
		t.Helper()
		if kept, err := p.Keep(); kept != want || err != nil {
			t.Fatal(kept, err)
		}
	}
	keep(resume(e, 0), false)
	onlyEntry(t, dir)

	cut := errors.New("cut off")
	p := resume(e, 0)
	if n, err := p.ReadFrom(&after{bytes.NewReader(content[:2000]), cut}); n != 2000 || !errors.Is(err, cut) {
		t.Fatal(n, err)
	}
	keep(p, true)

	// What was written after the note is not trusted.
	f, err := os.OpenFile(filepath.Join(dir, p.temp), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("torn"); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	p = resume(e, 2000)
	if _, err := p.ReadFrom(bytes.NewReader(content[2000:])); err != nil {
		t.Fatal(err)
	}
	if err := p.Finish("f"); err != nil {
		t.Fatal(err)
	}
	onlyEntry(t, dir, "f")
	if got, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if info, err := os.Stat(filepath.Join(dir, "f")); err != nil || info.Mode() != 0o640 || !info.ModTime().Equal(e.ModTime) {
		t.Errorf("%v, %v", info, err)
	}

	// Another version begins anew, and one that is not whole gets no name.
	p = resume(e, 0)
	p.ReadFrom(bytes.NewReader(content[:9]))
	keep(p, true)
	e.Version++
	p = resume(e, 0)
	if err := p.Finish("f"); err == nil {
		t.Error("a file without content was finished")
	}
	keep(p, false)
	onlyEntry(t, dir, "f")
}

// after is a reader that fails at its end.
type after struct {
	*bytes.Reader
	err error
}

func (a *after) Read(b []byte) (int, error) {
	if a.Len() == 0 {
		return iotest.ErrReader(a.err).Read(b)
	}
	return a.Reader.Read(b)
}
