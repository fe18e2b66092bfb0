package census

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// Protocol is the exchange of records between two peers.
const Protocol = "/atoll/census/1"

const (
	// recordsMax is how many records travel in one direction of one exchange,
	// helloBytesMax and recordsBytesMax how long the messages are.
	recordsMax      = 128
	helloBytesMax   = 2 << 10
	recordsBytesMax = recordsMax*(recordMax+128) + helloBytesMax

	exchangeTimeout = 5 * time.Second
)

// limits of exchanges that others begin.
var limits = p2p.Limits{
	PerPeer:     p2p.Rate{PerSecond: 1, Burst: 30},
	PerGroup:    p2p.Rate{PerSecond: 20, Burst: 200},
	OpenPerPeer: 4,
	OpenTotal:   64,
}

// hello opens an exchange: who calls, and what it knows.
type hello struct {
	_      struct{} `cbor:",toarray"`
	Self   signed
	Prints []uint64 // fingerprint of each bucket
}

// reply answers it with what the caller lacks.
type reply struct {
	_       struct{} `cbor:",toarray"`
	Self    signed
	Prints  []uint64
	Records []signed
}

// rest ends it with what the callee lacks.
type rest struct {
	_       struct{} `cbor:",toarray"`
	Records []signed
}

var errMessage = errors.New("census: malformed exchange")

// exchange calls a peer and trades records with it.
func (c *Census) exchange(ctx context.Context, p wire.PeerID) error {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	s, err := c.host.Open(ctx, p, Protocol)
	if err != nil {
		return err
	}
	defer s.Close()
	deadline, _ := ctx.Deadline()
	if err := s.SetDeadline(deadline); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { s.Reset() })()
	if err := c.call(s, p); err != nil {
		s.Reset()
		return fmt.Errorf("census: exchange with %s: %w", p, err)
	}
	return nil
}

func (c *Census) call(s *p2p.Stream, p wire.PeerID) error {
	self, prints := c.present()
	begin := time.Now()
	if err := frame.WriteMessage(s, hello{Self: self, Prints: prints}); err != nil {
		return err
	}
	var r reply
	if err := frame.ReadMessage(s, &r, recordsBytesMax); err != nil {
		return err
	}
	took := time.Since(begin)
	if r.Self.Record.Peer != p || len(r.Prints) != bucketCount || len(r.Records) > recordsMax {
		return errMessage
	}
	lacking := c.compare(r.Prints)
	if err := c.take(r.Self, r.Records); err != nil {
		return err
	}
	c.measured(p, took)
	if err := frame.WriteMessage(s, rest{Records: lacking}); err != nil {
		return err
	}
	return s.CloseWrite()
}

// serve answers an exchange that a peer has begun.
func (c *Census) serve(ctx context.Context, remote wire.PeerID, s *p2p.Stream) {
	if err := s.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		return
	}
	if err := c.answer(remote, s); err != nil {
		s.Reset()
		c.log.Debug("a census exchange failed", "peer", remote, "error", err)
	}
}

func (c *Census) answer(remote wire.PeerID, s *p2p.Stream) error {
	var h hello
	if err := frame.ReadMessage(s, &h, helloBytesMax); err != nil {
		return err
	}
	if h.Self.Record.Peer != remote || len(h.Prints) != bucketCount {
		return errMessage
	}
	self, prints := c.present()
	if err := frame.WriteMessage(s, reply{Self: self, Prints: prints, Records: c.compare(h.Prints)}); err != nil {
		return err
	}
	if err := c.take(h.Self, nil); err != nil {
		return err
	}
	var r rest
	if err := frame.ReadMessage(s, &r, recordsBytesMax); err != nil {
		return noEOF(err)
	}
	if len(r.Records) > recordsMax {
		return errMessage
	}
	return c.take(h.Self, r.Records)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
