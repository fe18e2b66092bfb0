package transfer

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
)

// ServerConfig is what a Server is made of. Self, Key and Store are required;
// limits that are zero take their defaults.
type ServerConfig struct {
	Self  wire.PeerID
	Key   wire.Signer // Self's, for receipts
	Store Holder
	// Keeping lets custodians renew leases and bring rebuilt shares; nil refuses
	// them.
	Keeping Keeping
	// Releasing lets owners release; nil refuses them.
	Releasing Releasing
	// Noticing hears what holders say of shares in this peer's custody; nil
	// refuses them.
	Noticing Noticing

	LeaseSecondsMax uint64 // a longer lease is cut to this, in seconds of uptime

	PutStreamsPerPeerMax int
	PutStreamsMax        int
	PutBytesPerPeerMax   int // received and not yet stored
	PutBytesMax          int
	GetStreamsPerPeerMax int
	GetStreamsMax        int

	ProgressTimeout time.Duration // the longest a peer may take for the next piece
	IdleTimeout     time.Duration // the longest a get stream waits for a request
	// BytesPerSecondMin is the least average rate of a put stream and of an
	// answer, after a grace of ProgressTimeout.
	BytesPerSecondMin int
}

func (c *ServerConfig) defaults() {
	setDefault(&c.LeaseSecondsMax, LeaseSecondsMax)
	setDefault(&c.PutStreamsPerPeerMax, PutStreamsPerPeerMax)
	setDefault(&c.PutStreamsMax, PutStreamsMax)
	setDefault(&c.PutBytesPerPeerMax, PutBytesPerPeerMax)
	setDefault(&c.PutBytesMax, PutBytesMax)
	setDefault(&c.GetStreamsPerPeerMax, GetStreamsPerPeerMax)
	setDefault(&c.GetStreamsMax, GetStreamsMax)
	setDefault(&c.ProgressTimeout, serverProgressTimeout)
	setDefault(&c.IdleTimeout, serverIdleTimeout)
	setDefault(&c.BytesPerSecondMin, serverBytesPerSecondMin)
}

// setDefault fills in what a configuration leaves open.
func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Server is the holder's side. It owns no goroutine: whoever accepts a stream
// calls ServePut or ServeGet in one.
type Server struct {
	ServerConfig
	putStreams, putBytes, getStreams *gate
}

// NewServer returns a Server.
func NewServer(c ServerConfig) *Server {
	c.defaults()
	return &Server{
		ServerConfig: c,
		putStreams:   newGate(c.PutStreamsPerPeerMax, c.PutStreamsMax),
		putBytes:     newGate(c.PutBytesPerPeerMax, c.PutBytesMax),
		getStreams:   newGate(c.GetStreamsPerPeerMax, c.GetStreamsMax),
	}
}

// serve runs one protocol on a stream and ends the stream: cleanly after an
// answer, a refusal included, or else by a reset.
func (v *Server) serve(ctx context.Context, s Stream, run func(*paced) error) error {
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	p := &paced{Stream: s, stall: v.ProgressTimeout}
	err := run(p)
	var refusal *Refusal
	if err != nil && !errors.As(err, &refusal) {
		s.Reset()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	return errors.Join(err, s.Close())
}

// answer writes a reply.
func answer(w io.Writer, reply message) error { return frame.WriteMessage(w, reply) }
