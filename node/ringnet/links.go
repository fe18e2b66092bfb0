package ringnet

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// Protocol carries messages between members, of all rings that two peers share,
// in one direction.
const Protocol = "/atoll/ring/1"

const (
	// LineBytesMax is the most bytes of messages that wait for one peer. What
	// finds no room is dropped: members say again what matters.
	LineBytesMax = 8 << 20
	// LinksBytesMax is the same for all peers together, so that many that are
	// stopped cannot fill the memory.
	LinksBytesMax = 64 << 20
	// LinesMax is the most peers that messages wait for, or that a stream is
	// open to.
	LinesMax = 4096

	openTimeout = 5 * time.Second
	// retryPause is the pause after a peer could not be reached; what is sent to
	// it meanwhile waits. Without one each message to a dead peer would dial.
	retryPause = 500 * time.Millisecond
	// frameTimeout is how long one message, or the filling of a buffer, may take
	// to be written or read.
	frameTimeout = 10 * time.Second
	// idleTimeout is how long a stream without messages stays open: longer than
	// the round of an object that is written now and then.
	idleTimeout = 30 * time.Second
	// readTimeout is when a reader gives up on a writer that has forgotten to
	// close.
	readTimeout = 2 * idleTimeout

	linkBufferBytes = 64 << 10
)

// limits of streams that others open to this peer: one for each peer, and some
// while one takes the place of another.
var linkLimits = p2p.Limits{
	PerPeer:     p2p.Rate{PerSecond: 2, Burst: 20},
	PerGroup:    p2p.Rate{PerSecond: 50, Burst: 500},
	OpenPerPeer: 4,
	OpenTotal:   LinesMax,
}

// Network opens streams to peers and serves those that they open. A p2p.Host is
// one.
type Network interface {
	Open(ctx context.Context, to wire.PeerID, protocol string) (*p2p.Stream, error)
	Handle(protocol string, l p2p.Limits, serve p2p.Handler)
}

// Links sends messages to other members, and hands on those that come from
// them. It is a runner.Transport. All its methods are safe for concurrent use.
type Links struct {
	net     Network
	deliver func(from wire.PeerID, message []byte)
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup // one for each line

	mu    sync.Mutex // guards what follows, and the lines
	lines map[wire.PeerID]*line
	bytes int // of all lines
}

// line is the way to one peer: one stream, one goroutine, both there only while
// something is sent now and then.
type line struct {
	peer  wire.PeerID
	wake  chan struct{} // capacity 1
	queue [][]byte
	bytes int // of queue, and of what is being written
}

// NewLinks returns links over a network. deliver takes the messages of others
// and must not block; it is called once Listen has been.
func NewLinks(net Network, deliver func(from wire.PeerID, message []byte), log *slog.Logger) *Links {
	ctx, cancel := context.WithCancel(context.Background())
	return &Links{net: net, deliver: deliver, log: log, ctx: ctx, cancel: cancel, lines: make(map[wire.PeerID]*line)}
}

// Listen begins to take messages: what this peer has promised must have been
// read back before.
func (l *Links) Listen() { l.net.Handle(Protocol, linkLimits, l.serve) }

// Close ends all streams and waits for their goroutines. What waits is dropped.
func (l *Links) Close() {
	l.mu.Lock()
	l.cancel() // under mu, so that no line begins after this
	l.mu.Unlock()
	l.work.Wait()
}

// Send queues a message for a peer and returns at once.
func (l *Links) Send(peer wire.PeerID, message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return
	}
	to := l.lines[peer]
	if to == nil {
		if len(l.lines) >= LinesMax {
			return
		}
		to = &line{peer: peer, wake: make(chan struct{}, 1)}
		l.lines[peer] = to
		l.work.Add(1)
		go l.carry(to)
	}
	if to.bytes+len(message) > LineBytesMax || l.bytes+len(message) > LinksBytesMax {
		return
	}
	to.queue = append(to.queue, message)
	to.bytes, l.bytes = to.bytes+len(message), l.bytes+len(message)
	select {
	case to.wake <- struct{}{}:
	default:
	}
}

// take returns what waits, and its bytes, for which there is no room for other
// messages until they are released.
func (l *Links) take(to *line) (batch [][]byte, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch, to.queue = to.queue, nil
	for _, m := range batch {
		bytes += len(m)
	}
	return batch, bytes
}

func (l *Links) release(to *line, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to.bytes, l.bytes = to.bytes-bytes, l.bytes-bytes
}

// retire forgets a line that has nothing to send.
func (l *Links) retire(to *line) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(to.queue) > 0 && l.ctx.Err() == nil {
		return false
	}
	delete(l.lines, to.peer)
	return true
}

// carry sends what is queued for a peer until nothing has been for a while. What
// waits for a peer that cannot be reached is dropped.
func (l *Links) carry(to *line) {
	defer l.work.Done()
	for {
		if err := l.stream(to); err != nil {
			dropped, bytes := l.take(to)
			l.release(to, bytes)
			l.log.Debug("ring messages dropped", "peer", to.peer, "messages", len(dropped), "error", err)
			select {
			case <-l.ctx.Done():
			case <-time.After(retryPause):
			}
		}
		if l.retire(to) {
			_, bytes := l.take(to)
			l.release(to, bytes)
			return
		}
	}
}

// stream opens one stream and sends until it has been idle.
func (l *Links) stream(to *line) error {
	ctx, cancel := context.WithTimeout(l.ctx, openTimeout)
	s, err := l.net.Open(ctx, to.peer, Protocol)
	cancel()
	if err != nil {
		return err
	}
	defer s.Close()
	defer context.AfterFunc(l.ctx, func() { s.Reset() })()
	w := bufio.NewWriterSize(s, linkBufferBytes)
	idle := time.NewTimer(idleTimeout)
	defer idle.Stop()
	for {
		select {
		case <-to.wake:
		case <-idle.C:
			return nil
		case <-l.ctx.Done():
			return nil
		}
		if err := l.write(s, w, to); err != nil {
			s.Reset()
			return err
		}
		idle.Reset(idleTimeout)
	}
}

// write sends everything that waits, in as few packets as may be.
func (l *Links) write(s *p2p.Stream, w *bufio.Writer, to *line) error {
	for {
		batch, bytes := l.take(to)
		if len(batch) == 0 {
			return w.Flush()
		}
		err := writeAll(s, w, batch)
		l.release(to, bytes)
		if err != nil {
			return err
		}
	}
}

// writeAll writes messages; each time a buffer has been filled there is new time
// for the next, so that a slow peer is not taken for a dead one.
func writeAll(s *p2p.Stream, w *bufio.Writer, batch [][]byte) error {
	written := linkBufferBytes
	for _, m := range batch {
		if written >= linkBufferBytes {
			if err := s.SetDeadline(time.Now().Add(frameTimeout)); err != nil {
				return err
			}
			written = 0
		}
		if err := frame.Write(w, m); err != nil {
			return err
		}
		written += len(m)
	}
	return nil
}

// serve takes the messages of a peer.
func (l *Links) serve(_ context.Context, remote wire.PeerID, s *p2p.Stream) {
	r := bufio.NewReaderSize(s, linkBufferBytes)
	for {
		m, err := readMessage(s, r)
		if err != nil {
			s.Reset()
			return
		}
		l.deliver(remote, m)
	}
}

// readMessage waits for a message for as long as a stream may be idle, and then
// for all of it as long as one may take.
func readMessage(s *p2p.Stream, r *bufio.Reader) ([]byte, error) {
	if r.Buffered() < frame.HeaderBytes {
		if err := s.SetDeadline(time.Now().Add(readTimeout)); err != nil {
			return nil, err
		}
	}
	n, err := frame.ReadHeader(r, bft.MessageBytesMax)
	if err != nil {
		return nil, err
	}
	if r.Buffered() < n {
		if err := s.SetDeadline(time.Now().Add(frameTimeout)); err != nil {
			return nil, err
		}
	}
	m := make([]byte, n)
	_, err = io.ReadFull(r, m)
	return m, err
}
