package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/atollnet/atoll/internal/api"
)

const (
	// meterEvery is how often a line of progress is written where there is no
	// terminal.
	meterEvery = 10 * time.Second
	// meterDelay is how long something takes before a bar is shown.
	meterDelay = 500 * time.Millisecond
)

// meter shows how one request goes: a bar on a terminal, a line now and then
// elsewhere, nothing with --quiet. It is the observer of the request.
type meter struct {
	app   *app
	name  string
	bytes atomic.Int64
	total atomic.Int64 // 0: not known
	phase atomic.Value // string

	bars *mpb.Progress // nil without a terminal
	bar  *mpb.Bar
	done chan struct{}
	over sync.Once
	work sync.WaitGroup
}

// later is the total of a meter that is told by expect.
const later = -1

// meter starts to show what moves under the name. total is in bytes, 0 if it is
// not known. The caller calls close.
func (a *app) meter(name string, total int64) *meter {
	m := &meter{app: a, name: name, done: make(chan struct{})}
	m.phase.Store("")
	m.total.Store(max(0, total))
	switch {
	case a.quiet:
	case !isTerminal(a.err):
		m.work.Go(m.tell)
	case total != later:
		m.draw(total)
	}
	return m
}

// expect says how many bytes an answer will have.
func (m *meter) expect(r api.ReadRequest, e api.Entry) {
	total := max(0, e.Size-r.Offset)
	if r.Length > 0 {
		total = min(total, r.Length)
	}
	m.total.Store(total)
	if !m.app.quiet && isTerminal(m.app.err) {
		m.draw(total)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// draw shows a bar. As long as its total is 0 there are only figures.
func (m *meter) draw(total int64) {
	delay := make(chan struct{})
	timer := time.AfterFunc(meterDelay, func() { close(delay) })
	m.work.Go(func() {
		<-m.done
		timer.Stop()
	})
	m.bars = mpb.New(mpb.WithOutput(m.app.err), mpb.WithWidth(64), mpb.WithRenderDelay(delay))
	bar := mpb.BarStyle().Build()
	filler := mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		if s.Total <= 0 {
			return nil
		}
		return bar.Fill(w, s)
	})
	left := decor.AverageETA(decor.ET_STYLE_GO)
	// The total comes after the start: a bar that knows it from then on would
	// end by itself when all is sent, but what is sent is not archived yet.
	m.bar = m.bars.MustAdd(0, filler, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(m.name), decor.Any(func(decor.Statistics) string { return m.suffix() }), decor.Name(" ")),
		mpb.AppendDecorators(
			decor.Any(func(s decor.Statistics) string { return amount(s.Current, s.Total) }),
			decor.Name("  "), decor.AverageSpeed(decor.SizeB1024(0), "% .1f"),
			decor.Any(func(s decor.Statistics) string {
				if s.Total <= 0 {
					return ""
				}
				text, _ := left.Decor(s)
				return ", " + text + " left"
			}),
		),
	)
	m.bar.SetTotal(total, false)
}

// amount says how much of how much, if the latter is known.
func amount(done, total int64) string {
	if total <= 0 {
		return size(done)
	}
	return size(done) + " of " + size(total)
}

// grow says how many bytes there will be, once that is known.
func (m *meter) grow(total int64) {
	m.total.Store(total)
	if m.bar != nil {
		m.bar.SetTotal(total, false)
	}
}

// weigh finds out how much there will be while it moves already: what a bar
// needs nobody should have to wait for. The caller calls stop.
func (m *meter) weigh(ctx context.Context, scale func(context.Context) (int64, error)) (stop func()) {
	if m.app.quiet {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() {
		if total, err := scale(ctx); err == nil {
			m.grow(total)
		}
	})
	return func() {
		cancel()
		work.Wait()
	}
}

func (m *meter) suffix() string {
	if phase := m.phase.Load().(string); phase != "" {
		return ", " + phase
	}
	return ""
}

// tell writes a line now and then until the meter is closed.
func (m *meter) tell() {
	start := time.Now()
	tick := time.NewTicker(meterEvery)
	defer tick.Stop()
	for {
		select {
		case <-m.done:
			return
		case now := <-tick.C:
			n := m.bytes.Load()
			m.app.say("%s%s: %s, %s/s", m.name, m.suffix(), amount(n, m.total.Load()), size(int64(float64(n)/now.Sub(start).Seconds())))
		}
	}
}

// close ends the showing, once; nothing of it is left on a terminal.
func (m *meter) close() {
	m.over.Do(func() {
		close(m.done)
		if m.bar != nil {
			m.bar.Abort(true)
			m.bars.Wait()
		}
		m.work.Wait()
	})
}

func (m *meter) add(n int) {
	m.bytes.Add(int64(n))
	if m.bar != nil {
		m.bar.IncrBy(n)
	}
}

// Progress implements api.Observer.
func (m *meter) Progress(p api.Progress) {
	text := fmt.Sprintf("%s %d", p.Phase, p.Done)
	switch {
	case p.Total == 0 && (p.Done == 0 || p.Unit == "bytes"):
		text = p.Phase
	case p.Unit == "bytes":
		text = fmt.Sprintf("%s %s of %s", p.Phase, size(p.Done), size(p.Total))
	case p.Total > 0:
		text = fmt.Sprintf("%s %d of %d %s", p.Phase, p.Done, p.Total, p.Unit)
	}
	m.phase.Store(text)
}

// Note implements api.Observer.
func (m *meter) Note(text string) {
	if !m.app.quiet {
		m.warn(text)
	}
}

// warn says what the user must know, --quiet or not.
func (m *meter) warn(text string) {
	out := m.app.err
	if m.bars != nil {
		out = m.bars // above the bar
	}
	fmt.Fprintf(out, "peerctl: %s\n", text)
}

// reader counts what is read of r.
func (m *meter) reader(r io.Reader) io.Reader { return &counter{m, r} }

type counter struct {
	m *meter
	r io.Reader
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.m.add(n)
	return n, err
}
