package node

import (
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/objects/transfer"
)

// wide is a stream that moves all at once, until its deadline.
type wide struct {
	transfer.Stream
	mu       sync.Mutex
	deadline time.Time
	moved    int
}

func (w *wide) SetDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = t
	return nil
}

func (w *wide) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.deadline.IsZero() && time.Now().After(w.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	w.moved += len(b)
	return len(b), nil
}

func (w *wide) Read(b []byte) (int, error) { return w.Write(b) }

// Many streams together keep to the cap, each way, and have their turns: waiting
// for it counts against no deadline.
func TestStreamsKeepToTheCaps(t *testing.T) {
	const streams, each = 32, 256 << 10
	for name, move := range map[string]func(transfer.Stream, []byte) (int, error){
		"up": transfer.Stream.Write,
		"down": func(s transfer.Stream, b []byte) (n int, err error) {
			for n < len(b) && err == nil {
				var read int
				read, err = s.Read(b[n:])
				n += read
			}
			return n, err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, err := newCaps(1<<20, 2<<20)
			if err != nil {
				t.Fatal(err)
			}
			rate := map[string]float64{"up": 1 << 20, "down": 2 << 20}[name]
			began := time.Now()
			var moving sync.WaitGroup
			var mu sync.Mutex
			first, last := time.Hour, time.Duration(0)
			for range streams {
				moving.Go(func() {
					w := &wide{}
					s := c.cap(w)
					s.SetDeadline(time.Now().Add(time.Second)) // as long as two pieces of each take
					if n, err := move(s, make([]byte, each)); err != nil || n != each || w.moved != each {
						t.Errorf("%s: %d bytes, %v", name, n, err)
					}
					mu.Lock()
					defer mu.Unlock()
					first, last = min(first, time.Since(began)), max(last, time.Since(began))
				})
			}
			moving.Wait()
			want := time.Duration(streams * each / rate * float64(time.Second))
			if last < want*95/100 || last > want*105/100 || first < last*8/10 {
				t.Errorf("%s: the first is through after %v, the last after %v; want %v", name, first, last, want)
			}
		})
	}
}

// Who is interrupted while he waits is not given more time.
func TestAnInterruptedStreamStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := newCaps(capMin, 0)
		if err != nil {
			t.Fatal(err)
		}
		s := c.cap(&wide{})
		s.SetDeadline(time.Now().Add(time.Minute))
		time.AfterFunc(time.Second, func() { s.SetDeadline(time.Unix(1, 0)) })
		if n, err := s.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n < capMin/2 || n > 2*capMin {
			t.Errorf("%d bytes in a second, %v", n, err)
		}
	})
}

func TestCapsThatCannotWork(t *testing.T) {
	if _, err := newCaps(capMin-1, 0); errs.KindOf(err) != errs.Usage {
		t.Errorf("up: %v", err)
	}
	if _, err := newCaps(0, -5); errs.KindOf(err) != errs.Usage {
		t.Errorf("down: %v", err)
	}
	if c, err := newCaps(0, 0); err != nil || c.cap(&wide{}) == nil {
		t.Errorf("no caps: %v", err)
	} else if _, is := c.cap(&wide{}).(*capped); is {
		t.Error("a stream waits for nothing")
	}
}
