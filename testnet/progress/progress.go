// Package progress shows on standard error what a long command is doing: one
// line that is rewritten in place on a terminal, and a plain line now and then
// where standard error is a file or a pipe.
//
// It must never write to standard output, which belongs to results.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// redrawEvery is how often the line's clock moves on a terminal.
	redrawEvery = time.Second
	// plainEvery is how often a line appears where there is no terminal.
	plainEvery = 10 * time.Second
	// widthMax bounds the line, so that it does not wrap and can be erased.
	widthMax = 100
)

// Line is the progress line of one command. Its methods may be used from
// several goroutines. Close ends it.
type Line struct {
	out      io.Writer
	terminal bool
	now      func() time.Time

	mu      sync.Mutex
	text    string
	began   time.Time // when the command began
	printed time.Time // when a plain line was last written

	done chan struct{}
	wait sync.WaitGroup
}

// New returns a line on out, which is standard error but in tests.
func New(out io.Writer) *Line {
	l := newLine(out, isTerminal(out), time.Now)
	l.wait.Go(l.run)
	return l
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func newLine(out io.Writer, terminal bool, now func() time.Time) *Line {
	return &Line{out: out, terminal: terminal, now: now, began: now(), done: make(chan struct{})}
}

// run redraws the line so that its clock moves while nothing else does.
func (l *Line) run() {
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
			l.mu.Lock()
			l.draw()
			l.mu.Unlock()
		}
	}
}

// Show replaces the line's text.
func (l *Line) Show(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = text
	l.draw()
}

// Say writes a line that stays.
func (l *Line) Say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	fmt.Fprintf(l.out, format+"\n", args...)
	l.text = ""
}

// Close removes the line.
func (l *Line) Close() {
	close(l.done)
	l.wait.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
}

func (l *Line) erase() {
	if l.terminal {
		io.WriteString(l.out, "\r\x1b[K")
	}
}

func (l *Line) draw() {
	now := l.now()
	if l.text == "" || (!l.terminal && now.Sub(l.printed) < plainEvery) {
		return
	}
	line := fmt.Sprintf("%4.0fs  %s", now.Sub(l.began).Seconds(), l.text)
	if runes := []rune(line); len(runes) > widthMax {
		line = string(runes[:widthMax-1]) + "…"
	}
	if l.terminal {
		io.WriteString(l.out, "\r\x1b[K"+line)
		return
	}
	io.WriteString(l.out, line+"\n")
	l.printed = now
}
