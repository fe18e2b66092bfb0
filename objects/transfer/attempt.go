package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

var (
	// errParked ends an attempt that had nothing to send for too long: the
	// source of the blocks is slow, not the holder.
	errParked = errors.New("transfer: no block to send")
	// errReplied ends the sending when the holder has answered already.
	errReplied = errors.New("transfer: answered early")
)

// attempt is one put stream, at the writer's side.
type attempt struct {
	u       *Upload
	share   int
	holder  wire.PeerID
	stream  *paced
	replies chan replied // from the goroutine that reads the answer
}

type replied struct {
	reply putReply
	err   error
}

// attempt sends a share to a holder and returns its receipt, verified.
func (u *Upload) attempt(ctx context.Context, share int, holder wire.PeerID) (r extent.SignedReceipt, err error) {
	s, err := u.open(ctx, holder)
	if err != nil {
		return r, err
	}
	a := &attempt{u: u, share: share, holder: holder, stream: &paced{Stream: s, stall: u.cfg.StallTimeout}, replies: make(chan replied, 1)}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	read := make(chan struct{})
	go func() { defer close(read); a.readReply() }()
	r, err = a.run(ctx)
	if err != nil {
		s.Reset()
	} else {
		s.Close()
	}
	<-read
	return r, err
}

// open opens a stream within its time.
func (u *Upload) open(ctx context.Context, holder wire.PeerID) (Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, u.cfg.OpenTimeout)
	defer cancel()
	return u.network.Open(ctx, holder, ProtocolPut)
}

// readReply reads the answer, which may come at any time, and interrupts the
// sender.
func (a *attempt) readReply() {
	var got replied
	got.err = receive(a.stream.Stream, &got.reply, putReplyBytesMax)
	a.replies <- got
	a.stream.interrupt()
}

// run sends the share and returns what the holder says to it.
func (a *attempt) run(ctx context.Context) (r extent.SignedReceipt, err error) {
	if err := a.send(ctx); err != nil {
		return r, a.reason(ctx, err)
	}
	if err := a.stream.SetDeadline(time.Now().Add(a.u.cfg.ReceiptTimeout)); err != nil {
		return r, err
	}
	got := <-a.replies
	switch {
	case got.err != nil && ctx.Err() != nil:
		return r, context.Cause(ctx)
	case got.err != nil:
		return r, got.err
	case got.reply.Refusal != nil:
		return r, got.reply.Refusal
	}
	return a.verify(got.reply.Receipt)
}

// reason prefers what the holder said to how the sending failed.
func (a *attempt) reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, errParked) {
		return err
	}
	got, ok := a.answered(err)
	switch {
	case !ok:
		return err
	case got.err == io.EOF:
		return io.ErrUnexpectedEOF
	case got.err != nil:
		return got.err
	case got.reply.Refusal != nil:
		return got.reply.Refusal
	}
	return fmt.Errorf("%w: receipt for a share that was not sent", ErrProtocol)
}

// answered returns the answer that came before the sending failed. A holder that
// refuses and closes may have done both before its word was read.
func (a *attempt) answered(err error) (got replied, ok bool) {
	var timed interface{ Timeout() bool }
	stalled := errors.As(err, &timed) && timed.Timeout()
	if !stalled && a.stream.SetDeadline(time.Now().Add(refusalWait)) == nil {
		return <-a.replies, true
	}
	select {
	case got = <-a.replies:
		return got, true
	default:
		return got, false
	}
}

// send writes everything up to the closing message.
func (a *attempt) send(ctx context.Context) error {
	u := a.u
	open := putOpen{
		Object: u.cfg.Object, Author: u.cfg.Author.Public(), K: uint8(u.cfg.K), N: uint8(u.cfg.N),
		Share: uint8(a.share), LeaseSeconds: u.cfg.LeaseSeconds,
	}
	if err := frame.WriteMessage(a.stream, &open); err != nil {
		return err
	}
	for stripe := 0; ; stripe++ {
		fragment, err := a.fragment(ctx, stripe)
		if err != nil {
			return err
		}
		if err := a.stream.writeFrame(fragment); err != nil {
			return err
		}
		if fragment == nil { // the empty frame that ends the fragments
			return a.close()
		}
		u.tally.progress(a.share, stripe+1, stripe+1+u.cfg.StripesInFlight > u.out.stripes())
	}
}

// fragment returns the next fragment, nil after the last, and waits for it
// where need be.
func (a *attempt) fragment(ctx context.Context, stripe int) ([]byte, error) {
	var idle <-chan time.Time
	for {
		fragment, more, err := a.u.out.next(stripe, a.share)
		if err != nil || more == nil {
			return fragment, err
		}
		if idle == nil {
			idle = time.After(a.u.cfg.IdleAfter)
			if err := a.stream.disarm(); err != nil {
				return nil, err
			}
		}
		select {
		case <-more:
		case <-idle:
			return nil, errParked
		case got := <-a.replies:
			a.replies <- got
			return nil, errReplied
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// close sends the manifest and the author's word.
func (a *attempt) close() error {
	u := a.u
	m, encoded := u.out.end()
	statement := putStatement{
		Object: u.cfg.Object, Extent: m.ID(), Holder: a.holder, Share: uint8(a.share), LeaseSeconds: u.cfg.LeaseSeconds,
	}
	end := putClose{Manifest: encoded, Signature: u.cfg.Author.Sign(TagPut, wire.Marshal(statement))}
	if err := frame.WriteMessage(a.stream, &end); err != nil {
		return err
	}
	return a.stream.CloseWrite()
}

// verify returns the receipt if it is this holder's, for this share, and good
// for long enough.
func (a *attempt) verify(c *extent.CompactReceipt) (r extent.SignedReceipt, err error) {
	u := a.u
	if int(c.Share) != a.share || c.Holder != a.holder {
		return r, fmt.Errorf("%w: receipt of %v for share %d", ErrLied, c.Holder, c.Share)
	}
	if c.LeaseSeconds < u.cfg.LeaseSecondsMin {
		return r, fmt.Errorf("%w: lease of %d s, at least %d are needed", ErrLied, c.LeaseSeconds, u.cfg.LeaseSecondsMin)
	}
	m, _ := u.out.end()
	r = c.Expand(u.cfg.Object, u.cfg.Author.Public(), m)
	if err := r.Verify(); err != nil {
		return r, fmt.Errorf("%w: %w", ErrLied, err)
	}
	return r, nil
}
