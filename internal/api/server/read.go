package server

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/idle"
	"github.com/atollnet/atoll/internal/api/protocol"
	"github.com/atollnet/atoll/internal/errs"
)

// bufferBytes is how much content is passed on at once.
const bufferBytes = 256 << 10

// source writes content into a body and returns what went wrong. It may fail
// before it writes anything.
type source func(ctx context.Context, r *http.Request, out *body) error

// content answers with content whose end is vouched for in the trailer.
func content(write source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, timer, err := begin(r)
		if err != nil {
			writeFailure(w, err)
			return
		}
		defer timer.Stop()
		out := newBody(w, timer)
		err = write(api.WithObserver(ctx, &out.head), r, out)
		out.end(verdict(ctx, err))
	})
}

// body is an answer that is content. Its head is sent with the first byte, or
// at the end.
type body struct {
	head
	buffer  *bufio.Writer
	started bool
	bytes   int64
	flushed time.Time
}

func newBody(w http.ResponseWriter, timer *idle.Timer) *body {
	return &body{
		head:   head{w: w, timer: timer},
		buffer: bufio.NewWriterSize(timer.Writer(w), bufferBytes),
	}
}

// start sends the head, with the entry that the content is of, if it is of one.
func (b *body) start(e *api.Entry) error {
	if b.started {
		return nil
	}
	h := b.w.Header()
	if e != nil {
		text, err := protocol.HeaderValue(e)
		if err != nil {
			return err
		}
		h.Set(protocol.HeaderEntry, text)
	}
	h.Set("Content-Type", "application/octet-stream")
	for _, name := range []string{protocol.TrailerError, protocol.TrailerEnd, protocol.HeaderNote} {
		h.Add("Trailer", name)
	}
	b.started = true
	b.finish()
	b.w.WriteHeader(http.StatusOK)
	h.Del(protocol.HeaderNote)
	return nil
}

// Write passes content on, at the latest a second after it came.
func (b *body) Write(p []byte) (int, error) {
	if err := b.start(nil); err != nil {
		return 0, err
	}
	n, err := b.buffer.Write(p)
	b.bytes += int64(n)
	b.timer.Touch()
	if now := time.Now(); err == nil && now.Sub(b.flushed) >= aliveEvery {
		b.flushed = now
		err = b.flush()
	}
	return n, err
}

func (b *body) flush() (err error) {
	if err := b.buffer.Flush(); err != nil {
		return err
	}
	b.timer.Wait(func() { err = http.NewResponseController(b.w).Flush() })
	return err
}

// end completes the answer: with an error instead of content, or with a
// trailer that says how the content ended.
func (b *body) end(failure error) {
	if failure == nil {
		failure = b.start(nil)
	}
	if !b.started {
		b.finish()
		writeFailure(b.w, failure)
		return
	}
	if err := b.buffer.Flush(); failure == nil {
		failure = err
	}
	b.finish()
	if failure == nil {
		b.w.Header().Set(protocol.TrailerEnd, strconv.FormatInt(b.bytes, 10))
	} else if text, err := protocol.HeaderValue(api.NewError(failure)); err == nil {
		b.w.Header().Set(protocol.TrailerError, text)
	}
}

func openFile(b api.Backend) source {
	return func(ctx context.Context, r *http.Request, out *body) error {
		var q api.ReadRequest
		if err := protocol.ParseQuery(r, &q); err != nil {
			return err
		}
		if q.Offset < 0 || q.Length < 0 {
			return errs.Newf("read", q.Ref, errs.Usage, "the range of %d bytes at %d is negative", q.Length, q.Offset)
		}
		entry, reader, err := b.Open(ctx, q)
		if err != nil {
			return err
		}
		if reader != nil {
			defer reader.Close()
		}
		if err := out.start(&entry); err != nil || reader == nil {
			return err
		}
		return pour(out, reader, make([]byte, bufferBytes))
	}
}

func walkTree(b api.Backend) source {
	return func(ctx context.Context, r *http.Request, out *body) error {
		var q api.ReadRequest
		if err := protocol.ParseQuery(r, &q); err != nil {
			return err
		}
		t := treeOut{w: protocol.NewTreeWriter(out), buffer: make([]byte, bufferBytes)}
		if err := b.Walk(ctx, q, t.add); err != nil {
			return err
		}
		return t.w.Close()
	}
}

// treeOut writes what a walk finds as a tree.
type treeOut struct {
	w      *protocol.TreeWriter
	buffer []byte
	root   api.Path
	begun  bool
}

// add sends an entry. Without open a file's content is left out.
func (t *treeOut) add(e api.Entry, open func() (io.ReadCloser, error)) error {
	if !t.begun {
		t.root, t.begun = e.Path, true
	}
	entry := api.TreeEntry{
		Path: e.Path.Below(t.root), Kind: e.Kind, Mode: e.Mode, ModTime: e.ModTime, Target: e.Target, Size: e.Size,
	}
	add := t.w.Add
	if e.Kind == api.File && open == nil {
		add, entry.Size = t.w.AddSkipped, 0
	}
	if err := add(entry, &e); err != nil || open == nil || e.Size == 0 {
		return err
	}
	reader, err := open()
	if err != nil {
		return err
	}
	defer reader.Close()
	return pour(t.w, reader, t.buffer)
}

// pour copies all content through the buffer: short cuts of the reader or the
// writer would hide how it moves.
func pour(w io.Writer, r io.Reader, buffer []byte) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, buffer)
	return err
}

func openPending(b api.Backend) source {
	return func(ctx context.Context, r *http.Request, out *body) error {
		var q api.PendingRequest
		if err := protocol.ParseQuery(r, &q); err != nil {
			return err
		}
		reader, err := b.PendingContent(ctx, q)
		if err != nil {
			return err
		}
		defer reader.Close()
		return pour(out, reader, make([]byte, bufferBytes))
	}
}
