package transfer

import (
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/frame"
)

// The faults that take time, all of it virtual.

// slowly lets a byte through each second, both ways.
type slowly struct{ Stream }

func (s slowly) Read(b []byte) (int, error) {
	time.Sleep(time.Second)
	return s.Stream.Read(b[:min(len(b), 1)])
}

func (s slowly) Write(b []byte) (int, error) {
	for i := range b {
		time.Sleep(time.Second)
		if _, err := s.Stream.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// delayed answers later than others.
type delayed struct{ Stream }

func (d delayed) Write(b []byte) (int, error) {
	time.Sleep(300 * time.Millisecond)
	return d.Stream.Write(b)
}

var late = wraps(func(s Stream) Stream { return delayed{s} })

var byteASecond = wraps(func(s Stream) Stream { return slowly{s} })

func TestPacedStream(t *testing.T) {
	const stall = 8 * time.Second
	for name, c := range map[string]struct {
		use  func(p *paced) error
		took time.Duration
	}{
		"no byte comes":       {func(p *paced) error { _, err := p.Read(make([]byte, 1)); return err }, stall},
		"nobody takes a byte": {func(p *paced) error { _, err := p.Write(make([]byte, 2*pipeBytes)); return err }, stall},
		"the rate is too low": {func(p *paced) error {
			p.allow(100, 50, time.Second)
			_, err := io.ReadFull(p, make([]byte, 9))
			return err
		}, 3 * time.Second},
		"interrupted": {func(p *paced) error {
			time.AfterFunc(time.Second, p.interrupt)
			_, err := p.Read(make([]byte, 1))
			return err
		}, time.Second},
		"interrupted before": {func(p *paced) error { p.interrupt(); _, err := p.Write([]byte{1}); return err }, 0},
		"silent after a while": {func(p *paced) error {
			for range 100 { // far more than one deadline, but never without progress
				if _, err := p.Write(make([]byte, 100)); err != nil {
					return err
				}
				time.Sleep(stall / 2)
			}
			_, err := p.Read(make([]byte, 1))
			return err
		}, 51 * stall},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, _ := newPipe()
				p := &paced{Stream: near, stall: stall}
				began := time.Now()
				err := c.use(p)
				took := time.Since(began)
				if !errors.Is(err, os.ErrDeadlineExceeded) || took > c.took || took < c.took-stall/armEvery {
					t.Errorf("%v after %v, want %v", err, took, c.took)
				}
			})
		})
	}
}

func TestFramesAreThoseOfPackageFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newPipe()
		p := &paced{Stream: near, stall: time.Second}
		sizes := []int{0, 1, pieceBytes - frame.HeaderBytes, pieceBytes, pieceBytes + 1, 5 * pieceBytes}
		go func() {
			for _, n := range sizes {
				if err := p.writeFrame(junk(n)); err != nil {
					t.Error(err)
				}
			}
		}()
		for _, n := range sizes {
			if b, err := frame.Read(far, n); err != nil || string(b) != string(junk(n)) {
				t.Errorf("a frame of %d bytes came as %d, %v", n, len(b), err)
			}
		}
	})
}
