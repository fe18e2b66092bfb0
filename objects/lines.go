package objects

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// lineReader hands out what a reader gives in whole lines: all that have come,
// as soon as there is one. What comes while those are on their way gathers here.
type lineReader struct {
	more chan struct{} // has a token if something came since
	room chan struct{} // has a token if something was taken since
	done chan struct{} // closed by stop

	mu    sync.Mutex
	buf   []byte // at most wire.LineBytesMax and one
	whole int    // the bytes of buf up to its last line end
	err   error  // how the reader ended; nil: it has not
}

// pieceBytes is how much is read at once.
const pieceBytes = 64 << 10

// readLines starts to read r. The caller calls stop; a read that is under way
// then ends when r lets it, and is the last.
func readLines(r io.Reader) *lineReader {
	l := &lineReader{more: make(chan struct{}, 1), room: make(chan struct{}, 1), done: make(chan struct{})}
	go l.pump(r)
	return l
}

func (l *lineReader) stop() { close(l.done) }

// pump reads as long as there is room.
func (l *lineReader) pump(r io.Reader) {
	piece := make([]byte, pieceBytes)
	for {
		n, err := r.Read(piece[:min(pieceBytes, l.free())])
		l.took(piece[:n], err)
		if err != nil || !l.wait() {
			return
		}
	}
}

func (l *lineReader) free() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return wire.LineBytesMax + 1 - len(l.buf)
}

// wait returns when there is room, and false when there is nobody to read for.
func (l *lineReader) wait() bool {
	for {
		select {
		case <-l.done:
			return false
		default:
		}
		if l.free() > 0 {
			return true
		}
		select {
		case <-l.done:
		case <-l.room:
		}
	}
}

func (l *lineReader) took(piece []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := len(l.buf)
	l.buf = append(l.buf, piece...)
	if i := bytes.LastIndexByte(l.buf[at:min(len(l.buf), max(at, wire.LineBytesMax))], '\n'); i >= 0 {
		l.whole = at + i + 1
	}
	l.err = err
	signal(l.more)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// next returns the whole lines that are there, or waits for one. The last line
// needs no end. After it comes io.EOF, after a failure of the reader at once its
// error. A line of more than wire.LineBytesMax is an error of kind Usage.
func (l *lineReader) next(ctx context.Context) ([]byte, error) {
	for {
		if lines, err := l.take(); lines != nil || err != nil {
			return lines, err
		}
		select {
		case <-l.more:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// take returns nothing if there is neither a whole line nor an end.
func (l *lineReader) take() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ended := l.err == io.EOF
	switch {
	case l.err != nil && !ended:
		return nil, l.err
	case ended && len(l.buf) == 0:
		return nil, io.EOF
	case ended && len(l.buf) <= wire.LineBytesMax:
		l.whole = len(l.buf)
	case l.whole == 0 && len(l.buf) > wire.LineBytesMax:
		err := errs.New("", "", errs.Usage, fmt.Errorf("a line of more than %d bytes cannot be kept in one piece", wire.LineBytesMax))
		return nil, errs.Hint(err, "put it as a file of its own")
	case l.whole == 0:
		return nil, nil
	}
	lines := l.buf[:l.whole:l.whole]
	l.buf = bytes.Clone(l.buf[l.whole:])
	l.whole = bytes.LastIndexByte(l.buf, '\n') + 1
	signal(l.room)
	return lines, nil
}
