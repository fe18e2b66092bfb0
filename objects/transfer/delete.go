package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// ProtocolDelete is the protocol by which holders learn that an object is
// deleted.
const ProtocolDelete = "/atoll/object-delete/1"

// DeletionBytesMax is the most bytes of an owner's signed deletion: an update
// that does nothing else has some 200.
const DeletionBytesMax = 1 << 10

// Deletion shows that an object is deleted: the owner's word, and that its ring
// has ordered it. Neither frees anything alone. Whoever has both may show them.
type Deletion struct {
	_      struct{} `cbor:",toarray"`
	Object wire.ObjectID
	Word   []byte // the owner's signed update that deletes it
	Proof  []byte // a head record of the deleted object
}

func (m *Deletion) check() error {
	if len(m.Word) > DeletionBytesMax || len(m.Proof) > wire.HeadBytesMax {
		return fmt.Errorf("%w: a deletion of %d bytes, with a proof of %d", ErrProtocol, len(m.Word), len(m.Proof))
	}
	return nil
}

// TellDeleted shows a holder a deletion, and returns how many bytes it will
// free. It needs no key.
func (c Custodian) TellDeleted(ctx context.Context, holder wire.PeerID, d Deletion) (bytes uint64, err error) {
	return askRelease(ctx, c.Network, holder, ProtocolDelete, &d)
}

// ServeDelete takes one deletion and ends the stream. The error is a *Refusal if
// the other was told, else what broke the stream.
func (v *Server) ServeDelete(ctx context.Context, remote wire.PeerID, s Stream) error {
	return v.serveRelease(ctx, remote, s, func(p *paced) (uint64, error) {
		p.allow(deletionBytesMax, v.BytesPerSecondMin, v.ProgressTimeout)
		var d Deletion
		if err := receive(p, &d, deletionBytesMax); err != nil {
			return 0, err
		}
		if v.Releasing == nil {
			return 0, refuse(RefusedNotAllowed, "this peer releases nothing")
		}
		bytes, err := v.Releasing.Delete(ctx, d)
		if errs.KindOf(err) == errs.Refused {
			return 0, refuse(RefusedNotAllowed, "%v", err)
		}
		if err != nil {
			return 0, refusalOf(err)
		}
		return bytes, nil
	})
}

// askRelease sends one message that has a holder let go of shares.
func askRelease(ctx context.Context, n Network, holder wire.PeerID, protocol string, open message) (bytes uint64, err error) {
	var reply releaseReply
	if err := askOnce(ctx, n, holder, protocol, open, &reply, putReplyBytesMax); err != nil {
		return 0, err
	}
	if reply.Refusal != nil {
		return 0, reply.Refusal
	}
	return reply.Bytes, nil
}

// serveRelease answers a stream by which shares are let go.
func (v *Server) serveRelease(ctx context.Context, remote wire.PeerID, s Stream, release func(*paced) (uint64, error)) error {
	return v.serve(ctx, s, func(p *paced) error {
		bytes, err := uint64(0), error(refuse(RefusedBusy, "too many streams at once"))
		if v.putStreams.take(remote, 1) {
			defer v.putStreams.give(remote, 1)
			bytes, err = release(p)
		}
		p.allow(putReplyBytesMax, v.BytesPerSecondMin, v.ProgressTimeout)
		if err == nil {
			return answer(p, &releaseReply{Bytes: bytes})
		}
		refusal := refusalOfInput(err)
		if refusal == nil {
			return err
		}
		return errors.Join(refusal, answer(p, &releaseReply{Refusal: refusal}))
	})
}
