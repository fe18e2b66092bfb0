package ringnet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// questionTimeout is how long a stream may wait for the next question,
	// answerTimeout how long the one who asked may take to read an answer.
	questionTimeout = time.Minute
	answerTimeout   = 10 * time.Second

	// StreamsPerPeerMax is how many questions one peer can have under way,
	// StreamsMax how many all can.
	StreamsPerPeerMax = 128
	StreamsMax        = 2048
)

var askLimits = p2p.Limits{
	PerPeer:     p2p.Rate{PerSecond: 200, Burst: 1000},
	PerGroup:    p2p.Rate{PerSecond: 2000, Burst: 8000},
	OpenPerPeer: StreamsPerPeerMax,
	OpenTotal:   StreamsMax,
}

// questionRate bounds the questions of one peer.
var questionRate = p2p.Rate{PerSecond: 5000, Burst: 20000}

// handler answers one kind of question. It may call more any number of times
// before it returns the last answer.
type handler func(ctx context.Context, from wire.PeerID, body []byte, more func(any) error) (any, error)

// Server answers questions. Handlers are added before Listen.
type Server struct {
	net      Network
	log      *slog.Logger
	rates    *p2p.Buckets[wire.PeerID]
	handlers map[Kind]handler
	bulk     *bulk
}

// NewServer returns a server without handlers.
func NewServer(net Network, log *slog.Logger) *Server {
	return &Server{
		net: net, log: log, handlers: make(map[Kind]handler),
		rates: p2p.NewBuckets[wire.PeerID](questionRate, time.Now), bulk: newBulk(),
	}
}

// Listen begins to answer.
func (s *Server) Listen() { s.net.Handle(AskProtocol, askLimits, s.serve) }

// Handle answers a kind of question with a function. A question that does not
// parse is refused before. The context ends when the one who asked goes away.
func Handle[Q, A any](s *Server, k Kind, answer func(ctx context.Context, from wire.PeerID, q Q) (A, error)) {
	Stream(s, k, func(ctx context.Context, from wire.PeerID, q Q, _ func(A) error) (A, error) {
		return answer(ctx, from, q)
	})
}

// Stream is Handle for a question with many answers: each given to more, and
// the last returned.
func Stream[Q, A any](s *Server, k Kind, answer func(ctx context.Context, from wire.PeerID, q Q, more func(A) error) (A, error)) {
	s.handlers[k] = func(ctx context.Context, from wire.PeerID, body []byte, more func(any) error) (any, error) {
		var q Q
		if err := wire.Unmarshal(body, &q, QuestionBytesMax); err != nil {
			return nil, errs.New("answer", "", errs.Usage, err)
		}
		return answer(ctx, from, q, func(a A) error { return more(a) })
	}
}

func (s *Server) serve(ctx context.Context, remote wire.PeerID, stream *p2p.Stream) {
	ctx, cancel := context.WithCancel(ctx)
	questions := make(chan question)
	read := make(chan error, 1)
	go func() {
		defer cancel() // who asked is gone: nobody waits for the answer
		read <- s.read(ctx, remote, stream, questions)
	}()
	err := s.answerAll(ctx, remote, stream, questions)
	stream.Reset() // ends the reader; what was answered has been read, or is no longer wanted
	cancel()
	s.log.Debug("ring questions ended", "peer", remote, "answering", err, "reading", <-read)
}

// read takes questions from the stream: the next may come while one is being
// answered, and the end of the stream ends the work on it.
func (s *Server) read(ctx context.Context, remote wire.PeerID, stream *p2p.Stream, questions chan<- question) error {
	for {
		var q question
		if err := frame.ReadMessage(stream, &q, QuestionBytesMax); err != nil {
			return err
		}
		if !s.rates.Take(remote) {
			return fmt.Errorf("more than %v questions a second", questionRate.PerSecond)
		}
		select {
		case questions <- q:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Server) answerAll(ctx context.Context, remote wire.PeerID, stream *p2p.Stream, questions <-chan question) error {
	idle := time.NewTimer(questionTimeout)
	defer idle.Stop()
	for {
		select {
		case q := <-questions:
			if err := s.answer(ctx, remote, stream, q); err != nil {
				return err
			}
			idle.Reset(questionTimeout)
		case <-idle.C:
			return errIdle
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errIdle = errors.New("no question for a while")

// answer writes what a handler says.
func (s *Server) answer(ctx context.Context, remote wire.PeerID, stream *p2p.Stream, q question) error {
	handle := s.handlers[q.Kind]
	if handle == nil {
		return write(stream, answer{Failure: newFailure(errs.Newf("answer", "", errs.Usage, "a question of kind %d is unknown here", q.Kind))})
	}
	leave, err := s.bulk.enter(ctx, remote, q.Kind)
	if err != nil {
		return err
	}
	defer leave()
	last, err := handle(ctx, remote, q.Body, func(a any) error {
		return write(stream, answer{More: true, Body: wire.Marshal(a)})
	})
	if err != nil {
		return write(stream, answer{Failure: newFailure(err)})
	}
	return write(stream, answer{Body: wire.Marshal(last)})
}

func write(stream *p2p.Stream, a answer) error {
	if err := stream.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	if err := frame.WriteMessage(stream, a); err != nil {
		return err
	}
	return stream.SetDeadline(time.Time{})
}
