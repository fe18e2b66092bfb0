package transfer

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Times that a custodian gives a holder.
const (
	keepOpenTimeout    = 5 * time.Second
	keepStallTimeout   = 10 * time.Second
	keepReceiptTimeout = 20 * time.Second
)

// Custodian gives orders to holders. It is safe for concurrent use.
type Custodian struct {
	Network Network
	Key     wire.Signer // a ring member's peer key, or the owner's key
}

// Renew asks a holder to keep a share that it has for so many seconds of its
// uptime. A refusal of kind RefusedNotFound or RefusedDamaged says that it has
// it no more.
func (c Custodian) Renew(ctx context.Context, object wire.ObjectID, holder wire.PeerID, m *extent.Manifest, share int, leaseSeconds uint64, proof []byte) (extent.SignedReceipt, error) {
	return c.keep(ctx, c.order(object, holder, m, share, leaseSeconds, proof, false), m, nil)
}

// Bring brings a share to a holder, unless it has it already, and returns its
// receipt, verified.
func (c Custodian) Bring(ctx context.Context, object wire.ObjectID, holder wire.PeerID, m *extent.Manifest, share int, data []byte, leaseSeconds uint64, proof []byte) (extent.SignedReceipt, error) {
	return c.keep(ctx, c.order(object, holder, m, share, leaseSeconds, proof, true), m, data)
}

func (c Custodian) order(object wire.ObjectID, holder wire.PeerID, m *extent.Manifest, share int, leaseSeconds uint64, proof []byte, brings bool) *keepOpen {
	o := Order{
		Object: object, Extent: m.ID(), Holder: holder, Share: uint8(share),
		LeaseSeconds: leaseSeconds, Custodian: c.Key.Public(),
	}
	return &keepOpen{
		Order: o, Brings: brings, Proof: proof, Manifest: m.Encode(), Signature: c.Key.Sign(TagKeep, wire.Marshal(o)),
	}
}

// keep runs one order at a holder.
func (c Custodian) keep(ctx context.Context, open *keepOpen, m *extent.Manifest, data []byte) (r extent.SignedReceipt, err error) {
	opening, cancel := context.WithTimeout(ctx, keepOpenTimeout)
	defer cancel()
	s, err := c.Network.Open(opening, open.Order.Holder, ProtocolKeep)
	if err != nil {
		return r, err
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	if r, err = converse(&paced{Stream: s, stall: keepStallTimeout}, open, m, data); err != nil {
		s.Reset()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return r, err
	}
	s.Close()
	return r, nil
}

// converse gives the order, and the share if it is asked for.
func converse(p *paced, open *keepOpen, m *extent.Manifest, data []byte) (r extent.SignedReceipt, err error) {
	written := frame.WriteMessage(p, open)
	p.stall = keepReceiptTimeout
	var reply keepReply
	if err := receive(p, &reply, putReplyBytesMax); err != nil {
		return r, cmp.Or(written, err)
	}
	if written != nil && reply.Refusal == nil { // a holder that has no time refuses before it has read all
		return r, written
	}
	if reply.Refusal == nil && reply.Receipt == nil {
		if !open.Brings {
			return r, fmt.Errorf("%w: asks for a share that was not offered", ErrProtocol)
		}
		p.stall = keepStallTimeout
		if _, err := p.Write(data); err != nil {
			return r, err
		}
		p.stall = keepReceiptTimeout
		if err := receive(p, &reply, putReplyBytesMax); err != nil {
			return r, err
		}
	}
	switch {
	case reply.Refusal != nil:
		return r, reply.Refusal
	case reply.Receipt == nil:
		return r, fmt.Errorf("%w: asks for a share twice", ErrProtocol)
	}
	return open.Order.receipt(reply.Receipt, m)
}

// receipt returns the holder's receipt if it is for what was ordered.
func (o Order) receipt(c *extent.CompactReceipt, m *extent.Manifest) (r extent.SignedReceipt, err error) {
	if c.Share != o.Share || c.Holder != o.Holder || c.LeaseSeconds > o.LeaseSeconds || c.LeaseSeconds == 0 {
		return r, fmt.Errorf("%w: receipt of %v for share %d over %d s", ErrLied, c.Holder, c.Share, c.LeaseSeconds)
	}
	r = c.Expand(o.Object, o.Custodian, m)
	if err := r.Verify(); err != nil {
		return r, fmt.Errorf("%w: %w", ErrLied, err)
	}
	return r, nil
}
