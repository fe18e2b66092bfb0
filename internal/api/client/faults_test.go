package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/apitest"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/api/server"
	"github.com/atollnet/atoll/internal/errs"
)

// short is a timeout for tests in which nothing moves: the daemon's comes
// first, the client's a second later.
const short = 50 * time.Millisecond

// fair is a timeout for tests in which something moves all the time: a busy
// machine keeps within it.
const fair = time.Second

// with is a fake whose methods can be replaced.
type with struct {
	*apitest.Fake
	put  func(context.Context, io.Reader) (api.PutResult, error)
	stat func(context.Context) (api.Entry, error)
	list func(context.Context, func(api.Entry) error) error
}

func (w *with) Put(ctx context.Context, r api.PutRequest, body io.Reader) (api.PutResult, error) {
	if w.put == nil {
		return w.Fake.Put(ctx, r, body)
	}
	return w.put(ctx, body)
}

func (w *with) Stat(ctx context.Context, r api.ReadRequest) (api.Entry, error) {
	if w.stat == nil {
		return w.Fake.Stat(ctx, r)
	}
	return w.stat(ctx)
}

func (w *with) List(ctx context.Context, r api.ListRequest, fn func(api.Entry) error) error {
	if w.list == nil {
		return w.Fake.List(ctx, r, fn)
	}
	return w.list(ctx, fn)
}

// endless is content that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func wantKind(t *testing.T, err error, kind errs.Kind) {
	t.Helper()
	if err == nil || errs.KindOf(err) != kind {
		t.Errorf("error %v (kind %v), want kind %v", err, errs.KindOf(err), kind)
	}
}

// hears records what a call tells, from any goroutine.
type hears struct {
	mu       sync.Mutex
	progress []api.Progress
	notes    []string
	heard    chan struct{} // one for each progress
}

func (h *hears) Progress(p api.Progress) {
	h.mu.Lock()
	h.progress = append(h.progress, p)
	h.mu.Unlock()
	h.heard <- struct{}{}
}

func (h *hears) Note(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, text)
}

func TestProgressComesWhileTheBodyGoes(t *testing.T) {
	observer := &hears{heard: make(chan struct{}, 100)}
	body, feed := io.Pipe()
	b := &with{put: func(ctx context.Context, body io.Reader) (api.PutResult, error) {
		if _, err := io.ReadFull(body, make([]byte, 5)); err != nil {
			return api.PutResult{}, err
		}
		api.Report(ctx, api.Progress{Phase: "storing", Done: 5, Unit: "bytes"})
		api.Note(ctx, "five bytes \xe2\x80\x94 and more to come")
		n, err := io.Copy(io.Discard, body)
		return api.PutResult{Bytes: n}, err
	}}
	go func() {
		feed.Write([]byte("first"))
		<-observer.heard // the rest goes only when the answer has begun
		feed.Write([]byte("rest"))
		feed.Close()
	}()
	ctx := api.WithObserver(t.Context(), observer)
	r, err := connect(t, b, 10*time.Second).Put(ctx, api.PutRequest{Dest: "home:/f"}, body)
	if err != nil || r.Bytes != 4 || observer.progress[0].Done != 5 || len(observer.notes) != 1 || !strings.Contains(observer.notes[0], "—") {
		t.Errorf("%+v, %v; heard %+v", r, err, observer)
	}
}

func TestWorkThatMovesIsNotEnded(t *testing.T) {
	t.Parallel()
	const steps = 15
	work := func(ctx context.Context) error {
		tick := time.NewTicker(fair / 10)
		defer tick.Stop()
		for i := range steps {
			select {
			case <-tick.C:
				api.Report(ctx, api.Progress{Phase: "archiving", Done: int64(i), Unit: "extents"})
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
	b := &with{
		put:  func(ctx context.Context, _ io.Reader) (api.PutResult, error) { return api.PutResult{}, work(ctx) },
		stat: func(ctx context.Context) (api.Entry, error) { return api.Entry{}, work(ctx) },
	}
	c := connect(t, b, fair)
	if _, err := c.Put(t.Context(), api.PutRequest{}, strings.NewReader("")); err != nil {
		t.Errorf("put: %v", err)
	}
	if _, err := c.Stat(t.Context(), api.ReadRequest{}); err != nil {
		t.Errorf("stat: %v", err)
	}
}

func TestManySignsOfLifeBeforeAnAnswer(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		for range 200 {
			w.WriteHeader(http.StatusProcessing)
		}
		fmt.Fprint(w, `{"peer":"p"}`)
	})
	if s, err := rawServer(t, mux).Status(t.Context()); err != nil || s.Peer != "p" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestWorkThatDoesNotMoveTimesOut(t *testing.T) {
	stuck := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("asking holders: %w", ctx.Err())
	}
	b := &with{
		Fake: apitest.New(),
		put:  func(ctx context.Context, _ io.Reader) (api.PutResult, error) { return api.PutResult{}, stuck(ctx) },
		stat: func(ctx context.Context) (api.Entry, error) { return api.Entry{}, stuck(ctx) },
		list: func(ctx context.Context, _ func(api.Entry) error) error {
			<-ctx.Done()
			return errs.New("ask the ring", "", errs.NoQuorum, ctx.Err())
		},
	}
	b.OnRead = func(ctx context.Context, _ int64) error { return stuck(ctx) }
	c := connect(t, b, short)
	_, err := c.Put(t.Context(), api.PutRequest{}, endless{})
	wantKind(t, err, errs.Timeout)
	if errs.HintOf(err) == "" {
		t.Error("no hint")
	}
	_, err = c.Stat(t.Context(), api.ReadRequest{})
	wantKind(t, err, errs.Timeout)
	wantKind(t, c.List(t.Context(), api.ListRequest{}, nil), errs.NoQuorum)

	b.put = nil
	if _, err := c.Put(t.Context(), api.PutRequest{Dest: "home:/f"}, strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
	_, reader, err := c.Open(t.Context(), api.ReadRequest{Ref: "home:/f"})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	_, err = io.Copy(io.Discard, reader)
	wantKind(t, err, errs.Timeout)
}

func TestDaemonThatHangsTimesOut(t *testing.T) {
	t.Parallel()
	l := rawListener(t) // takes connections, never answers
	c := client.New(l.Addr().String(), short)
	defer c.Close()
	_, err := c.Status(t.Context())
	wantKind(t, err, errs.Timeout)
	_, err = c.Put(t.Context(), api.PutRequest{}, endless{})
	wantKind(t, err, errs.Timeout)
}

func TestUserMayTakeHisTime(t *testing.T) {
	t.Parallel()
	b := apitest.New()
	c := connect(t, b, fair)
	if _, err := c.Put(t.Context(), api.PutRequest{Dest: "home:/f"}, &slow{rest: 1}); err != nil {
		t.Errorf("slow writer: %v", err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if _, err := c.Put(t.Context(), api.PutRequest{Dest: "home:/big"}, bytes.NewReader(big)); err != nil {
		t.Fatal(err)
	}
	_, reader, err := c.Open(t.Context(), api.ReadRequest{Ref: "home:/big"})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var got bytes.Buffer
	for {
		<-time.After(fair + fair/4)
		n, err := io.CopyN(&got, reader, 600_000)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("slow reader, after %d bytes: %v", got.Len()+int(n), err)
		}
	}
	if !bytes.Equal(got.Bytes(), big) {
		t.Errorf("%d bytes", got.Len())
	}
}

// slow gives a byte now and then.
type slow struct{ rest int }

func (s *slow) Read(p []byte) (int, error) {
	<-time.After(fair + fair/4)
	if s.rest--; s.rest < 0 {
		return 0, io.EOF
	}
	return copy(p, "x"), nil
}

func TestRefusalOvertakesTheBody(t *testing.T) {
	full := errs.Hint(errs.New("put", "home:/f", errs.Full, errors.New("the quota is used up")), "make room")
	b := &with{put: func(context.Context, io.Reader) (api.PutResult, error) { return api.PutResult{}, full }}
	c := connect(t, b, 10*time.Second)
	for range 20 {
		_, err := c.Put(t.Context(), api.PutRequest{}, endless{})
		wantKind(t, err, errs.Full)
		if err.Error() != full.Error() || errs.HintOf(err) != "make room" {
			t.Errorf("%v, hint %q", err, errs.HintOf(err))
		}
	}
}

func TestCancelReachesTheBackend(t *testing.T) {
	ended := make(chan error, 1)
	b := &with{
		Fake: apitest.New(),
		put: func(ctx context.Context, body io.Reader) (api.PutResult, error) {
			_, err := io.Copy(io.Discard, body)
			ended <- err
			return api.PutResult{}, err
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	body, feed := io.Pipe()
	go func() {
		feed.Write([]byte("a beginning"))
		cancel()
	}()
	c := connect(t, b, 10*time.Second)
	_, err := c.Put(ctx, api.PutRequest{}, body)
	wantKind(t, err, errs.Interrupted)
	feed.Close()
	if err := <-ended; err == nil {
		t.Error("the backend saw a whole body")
	}
	ctx, cancel = context.WithCancel(t.Context())
	b.stat = func(ctx context.Context) (api.Entry, error) {
		cancel()
		<-ctx.Done()
		ended <- ctx.Err()
		return api.Entry{}, ctx.Err()
	}
	_, err = c.Stat(ctx, api.ReadRequest{})
	wantKind(t, err, errs.Interrupted)
	<-ended
}

func TestContentThatFailsInItsMiddle(t *testing.T) {
	b := apitest.New()
	c := connect(t, b, 10*time.Second)
	if _, err := c.Put(t.Context(), api.PutRequest{Dest: "home:/f"}, bytes.NewReader(make([]byte, 3<<20))); err != nil {
		t.Fatal(err)
	}
	b.OnRead = func(ctx context.Context, given int64) error {
		if given > 1<<20 {
			api.Note(ctx, "two holders lied")
			return errs.New("read", "home:/f", errs.TooFew, errors.New("15 shares, 16 are needed"))
		}
		return nil
	}
	observer := &hears{}
	ctx := api.WithObserver(t.Context(), observer)
	_, reader, err := c.Open(ctx, api.ReadRequest{Ref: "home:/f"})
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, reader)
	wantKind(t, err, errs.TooFew)
	reader.Close()
	if n > 2<<20 || len(observer.notes) != 1 {
		t.Errorf("%d bytes, notes %q", n, observer.notes)
	}
	err = c.Walk(t.Context(), api.ReadRequest{Ref: "home:/"}, func(e api.Entry, open func() (io.ReadCloser, error)) error {
		if open == nil {
			return nil
		}
		reader, err := open()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, reader)
		return err
	})
	wantKind(t, err, errs.TooFew)
}

// rawListener returns a listener on a socket.
func rawListener(t *testing.T) net.Listener {
	t.Helper()
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		os.RemoveAll(dir)
	})
	return l
}

// rawServer returns a client of a server that answers as the handler does.
func rawServer(t *testing.T, h http.Handler) *client.Client {
	l := rawListener(t)
	s := &http.Server{Handler: h}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	c := client.New(l.Addr().String(), 10*time.Second)
	t.Cleanup(c.Close)
	return c
}

func TestCutOffAnswersAreNotWhole(t *testing.T) {
	const entry = `{"kind":"file","path":"/f","size":5,"mtime":"2026-01-02T03:04:05Z"}`
	handlers := map[string]http.HandlerFunc{
		"no end": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Atoll-Entry", entry)
			w.Write([]byte("12345"))
		},
		"another length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Atoll-Entry", entry)
			w.Write([]byte("1234"))
			w.Header().Set(http.TrailerPrefix+"Atoll-End", "5")
		},
		"aborted": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Atoll-Entry", entry)
			w.Write([]byte("12345"))
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			c := rawServer(t, h)
			_, reader, err := c.Open(t.Context(), api.ReadRequest{})
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			_, err = io.Copy(io.Discard, reader)
			wantKind(t, err, errs.NoDaemon)
			_, err = c.Put(t.Context(), api.PutRequest{}, strings.NewReader("x"))
			if err == nil {
				t.Error("put without a result succeeded")
			}
		})
	}
}

func TestEventsWithoutAResult(t *testing.T) {
	c := rawServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"progress":{"phase":"storing","done":1,"unit":"bytes"}}`)
	}))
	_, err := c.Put(t.Context(), api.PutRequest{}, strings.NewReader("x"))
	wantKind(t, err, errs.NoDaemon)
	wantKind(t, c.List(t.Context(), api.ListRequest{}, nil), errs.NoDaemon)
}

func TestNoDaemon(t *testing.T) {
	dir := t.TempDir()
	stale := rawListener(t)
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	for _, socket := range []string{filepath.Join(dir, "none"), stale.Addr().String()} {
		_, err := client.New(socket, 0).Status(t.Context())
		wantKind(t, err, errs.NoDaemon)
		if !strings.Contains(errs.HintOf(err), "peerd run --api "+socket) {
			t.Errorf("hint %q", errs.HintOf(err))
		}
	}
}

func TestServerThatStopsEndsItsCalls(t *testing.T) {
	began := make(chan struct{})
	b := &with{stat: func(ctx context.Context) (api.Entry, error) {
		close(began)
		<-ctx.Done()
		return api.Entry{}, ctx.Err()
	}}
	l := rawListener(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l, b) }()
	go func() {
		<-began
		stop()
	}()
	_, err := client.New(l.Addr().String(), 10*time.Second).Stat(t.Context(), api.ReadRequest{})
	wantKind(t, err, errs.NoDaemon)
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
}
