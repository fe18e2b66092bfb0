package ringnet

import (
	"bufio"
	"context"
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
	// LinesMax is the most peers that messages wait for, or that a stream is
	// open to.
	LinesMax = 4096

	openTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second
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

// Links sends messages to other members, and hands on those that come from
// them. It is a runner.Transport. All its methods are safe for concurrent use.
type Links struct {
	host    *p2p.Host
	deliver func(from wire.PeerID, message []byte)
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup // one for each line

	mu    sync.Mutex // guards what follows, and the lines
	lines map[wire.PeerID]*line
}

// line is the way to one peer: one stream, one goroutine, both there only while
// something is sent now and then.
type line struct {
	peer  wire.PeerID
	wake  chan struct{} // capacity 1
	queue [][]byte
	bytes int // of queue
}

// NewLinks returns links over a host. deliver takes the messages of others and
// must not block; it is called once Listen has been.
func NewLinks(host *p2p.Host, deliver func(from wire.PeerID, message []byte), log *slog.Logger) *Links {
	ctx, cancel := context.WithCancel(context.Background())
	return &Links{host: host, deliver: deliver, log: log, ctx: ctx, cancel: cancel, lines: make(map[wire.PeerID]*line)}
}

// Listen begins to take messages: what this peer has promised must have been
// read back before.
func (l *Links) Listen() { l.host.Handle(Protocol, linkLimits, l.serve) }

// Close ends all streams and waits for their goroutines. What waits is dropped.
func (l *Links) Close() {
	l.cancel()
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
	if to.bytes+len(message) > LineBytesMax {
		return
	}
	to.queue, to.bytes = append(to.queue, message), to.bytes+len(message)
	select {
	case to.wake <- struct{}{}:
	default:
	}
}

// take returns what waits.
func (l *Links) take(to *line) [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := to.queue
	to.queue, to.bytes = nil, 0
	return taken
}

// retire forgets a line, with what waits if its peer could not be reached; it is
// false for an idle line that got a message after all.
func (l *Links) retire(to *line, failed bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(to.queue) > 0 && !failed && l.ctx.Err() == nil {
		return false
	}
	delete(l.lines, to.peer)
	return true
}

// carry sends what is queued for a peer until nothing has been for a while, or
// the peer cannot be reached.
func (l *Links) carry(to *line) {
	defer l.work.Done()
	err := l.stream(to)
	for err == nil && !l.retire(to, false) {
		err = l.stream(to)
	}
	if err != nil {
		l.retire(to, true)
		l.log.Debug("ring messages dropped", "peer", to.peer, "error", err)
	}
}

// stream opens one stream and sends until it has been idle.
func (l *Links) stream(to *line) error {
	ctx, cancel := context.WithTimeout(l.ctx, openTimeout)
	s, err := l.host.Open(ctx, to.peer, Protocol)
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
	if err := s.SetDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	for waits := l.take(to); len(waits) > 0; waits = l.take(to) {
		for _, m := range waits {
			if err := frame.Write(w, m); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

// serve takes the messages of a peer.
func (l *Links) serve(_ context.Context, remote wire.PeerID, s *p2p.Stream) {
	r := bufio.NewReaderSize(s, linkBufferBytes)
	for {
		if err := s.SetDeadline(time.Now().Add(readTimeout)); err != nil {
			return
		}
		m, err := frame.Read(r, bft.MessageBytesMax)
		if err != nil {
			s.Reset()
			return
		}
		l.deliver(remote, m)
	}
}
