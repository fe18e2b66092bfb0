package protocol

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/api"
)

// entryRecord is the PAX record with the whole api.Entry, as JSON, in trees
// that leave a volume.
const entryRecord = "ATOLL.entry"

const (
	// goneRecord is the PAX record of what is to be removed, in trees that enter
	// a volume.
	goneRecord = "ATOLL.gone"
	// skippedRecord is that of files whose content is left out, in trees that
	// leave one.
	skippedRecord = "ATOLL.skipped"
	recordSet     = "1"
)

// ErrTree is returned for a tar stream that is not a tree as TreeWriter writes
// it.
var ErrTree = errors.New("not a tree of files")

// TreeWriter writes a tree as a PAX tar stream. Names are any bytes, times have
// nanoseconds; the root is ".".
type TreeWriter struct{ tar *tar.Writer }

// NewTreeWriter returns a writer of one tree to w.
func NewTreeWriter(w io.Writer) *TreeWriter { return &TreeWriter{tar.NewWriter(w)} }

// Add starts the next entry. A file's content, exactly e.Size bytes, is to be
// written before the next call. full, which may be nil, travels along.
func (w *TreeWriter) Add(e api.TreeEntry, full *api.Entry) error { return w.add(e, full, nil) }

// AddSkipped adds a file whose content is left out: full says how long it is.
func (w *TreeWriter) AddSkipped(e api.TreeEntry, full *api.Entry) error {
	return w.add(e, full, map[string]string{skippedRecord: recordSet})
}

func (w *TreeWriter) add(e api.TreeEntry, full *api.Entry, records map[string]string) error {
	if err := checkTreeEntry(e); err != nil {
		return err
	}
	if e.Gone {
		e = api.TreeEntry{Path: e.Path, ModTime: time.Unix(0, 0), Gone: true}
	}
	h := &tar.Header{Format: tar.FormatPAX, Name: treeName(e), Mode: int64(e.Mode), ModTime: e.ModTime}
	switch kind := e.Kind; {
	case e.Gone:
		h.Typeflag, records = tar.TypeReg, map[string]string{goneRecord: recordSet}
	case kind == api.Dir:
		h.Typeflag = tar.TypeDir
	case kind == api.File:
		h.Typeflag, h.Size = tar.TypeReg, e.Size
	case kind == api.Symlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, string(e.Target)
	}
	if full != nil {
		b, err := json.Marshal(full)
		if err != nil {
			return err
		}
		records = with(records, entryRecord, string(b))
	}
	h.PAXRecords = records
	return w.tar.WriteHeader(h)
}

func with(records map[string]string, key, value string) map[string]string {
	if records == nil {
		records = make(map[string]string)
	}
	records[key] = value
	return records
}

// Write writes content of the file that was added last.
func (w *TreeWriter) Write(p []byte) (int, error) { return w.tar.Write(p) }

// Close ends the tree. A stream without it is not whole.
func (w *TreeWriter) Close() error { return w.tar.Close() }

// TreeReader reads what TreeWriter wrote. It is an api.TreeReader.
type TreeReader struct {
	tar    *tar.Reader
	stream *zeroCounter
	full   *api.Entry

	skipped bool
}

// NewTreeReader returns a reader of the tree that r holds, to r's end.
func NewTreeReader(r io.Reader) *TreeReader {
	stream := &zeroCounter{r: r}
	return &TreeReader{tar: tar.NewReader(stream), stream: stream}
}

// Next returns the next entry; io.EOF when the tree and the stream have ended.
func (r *TreeReader) Next() (api.TreeEntry, error) {
	if _, err := io.Copy(io.Discard, r.tar); err != nil {
		return api.TreeEntry{}, err
	}
	r.stream.zeros = 0
	h, err := r.tar.Next()
	if err == io.EOF {
		return api.TreeEntry{}, r.end()
	}
	if err != nil {
		return api.TreeEntry{}, err
	}
	e, err := treeEntry(h)
	if err != nil {
		return e, err
	}
	return e, r.takeRecord(h)
}

// endBytes is the length of the mark at the end of a tar stream, all zero.
const endBytes = 1024

// end makes sure that the tree is whole, and reads the stream to its end, where
// its own verdict is. Package tar takes a stream without the mark for whole; at
// most 511 bytes of padding and half a mark stand before such an end.
func (r *TreeReader) end() error {
	marked := r.stream.zeros >= endBytes
	n, err := io.Copy(io.Discard, r.stream)
	switch {
	case err != nil:
		return err
	case !marked:
		return fmt.Errorf("%w: %w", ErrTree, io.ErrUnexpectedEOF)
	case n > 0:
		return fmt.Errorf("%w: %d bytes behind its end", ErrTree, n)
	}
	return io.EOF
}

// zeroCounter counts the zero bytes that it gave last.
type zeroCounter struct {
	r     io.Reader
	zeros int
}

func (c *zeroCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	zeros := n - len(bytes.TrimRight(p[:n], "\x00"))
	if zeros == n {
		zeros += c.zeros
	}
	c.zeros = zeros
	return n, err
}

func (r *TreeReader) takeRecord(h *tar.Header) error {
	r.full, r.skipped = nil, h.PAXRecords[skippedRecord] == recordSet
	record, ok := h.PAXRecords[entryRecord]
	if !ok {
		return nil
	}
	if err := json.Unmarshal([]byte(record), &r.full); err != nil {
		return fmt.Errorf("%w: record %s: %w", ErrTree, entryRecord, err)
	}
	return nil
}

// Full returns the entry that travelled along with what Next returned last, or
// nil.
func (r *TreeReader) Full() *api.Entry { return r.full }

// Skipped reports whether the content of the file that Next returned last is left
// out.
func (r *TreeReader) Skipped() bool { return r.skipped }

// Read reads the content of the file that Next returned last.
func (r *TreeReader) Read(p []byte) (int, error) { return r.tar.Read(p) }

func treeEntry(h *tar.Header) (api.TreeEntry, error) {
	e := api.TreeEntry{Mode: uint32(h.Mode) & api.ModeMask, ModTime: h.ModTime}
	switch h.Typeflag {
	case tar.TypeDir:
		e.Kind = api.Dir
	case tar.TypeReg:
		e.Kind, e.Size = api.File, h.Size
	case tar.TypeSymlink:
		e.Kind, e.Target = api.Symlink, api.Path(h.Linkname)
	default:
		return e, fmt.Errorf("%w: %.80q has type %q", ErrTree, h.Name, h.Typeflag)
	}
	e.Path = treePath(h.Name, e.Kind)
	if h.PAXRecords[goneRecord] == recordSet {
		e = api.TreeEntry{Path: e.Path, Gone: true}
	}
	return e, checkTreeEntry(e)
}

// treeName returns the name of an entry in the tar stream: the root is ".",
// and directories end in "/" as other programs expect it.
func treeName(e api.TreeEntry) string {
	name := string(e.Path)
	if name == "" {
		name = "."
	}
	if e.Kind == api.Dir && !e.Gone {
		name += "/"
	}
	return name
}

func treePath(name string, kind api.Kind) api.Path {
	if kind == api.Dir {
		name = strings.TrimSuffix(name, "/")
	}
	if name == "." {
		name = ""
	}
	return api.Path(name)
}

// checkTreeEntry refuses paths that could lead out of the tree.
func checkTreeEntry(e api.TreeEntry) error {
	if strings.ContainsRune(string(e.Path), 0) || strings.ContainsRune(string(e.Target), 0) {
		return fmt.Errorf("%w: zero byte in %.80q", ErrTree, e.Path)
	}
	if e.Path == "" {
		return nil
	}
	for _, part := range strings.Split(string(e.Path), "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%w: path %.80q", ErrTree, e.Path)
		}
	}
	return nil
}
