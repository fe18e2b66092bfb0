package transfer

import (
	"context"
	"errors"
	"io"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Keeping is what a Server needs beside its store to obey custodians.
type Keeping interface {
	// Renew prolongs the lease of a share that is here and not known to be
	// damaged, and charges it to whoever asks. Errors: of kind NotFound or
	// Damaged if it is not; Full.
	Renew(object wire.ObjectID, charged wire.PublicKey, id wire.ExtentID, index int, leaseSeconds uint64) error
	// Custodian returns an error unless the proof shows that the key is that of
	// a member of the object's ring, or of its owner.
	Custodian(object wire.ObjectID, key wire.PublicKey, proof []byte) error
}

// ServeKeep takes one order from a custodian: it renews the lease of a share
// that is here, or takes the share and stores it. It ends the stream. The error
// is a *Refusal if the custodian was told, else what broke the stream.
func (v *Server) ServeKeep(ctx context.Context, remote wire.PeerID, s Stream) error {
	return v.serve(ctx, s, func(p *paced) error {
		k := keeping{server: v, remote: remote, stream: p}
		defer k.release()
		receipt, err := k.obey()
		p.allow(putReplyBytesMax, v.BytesPerSecondMin, v.ProgressTimeout)
		if err == nil {
			compact := receipt.Compact()
			return answer(p, &keepReply{Receipt: &compact})
		}
		if refusal := refusalOfInput(err); refusal != nil {
			return errors.Join(refusal, answer(p, &keepReply{Refusal: refusal}))
		}
		return err
	})
}

// keeping is one order being obeyed.
type keeping struct {
	server *Server
	remote wire.PeerID
	stream *paced

	admitted bool
	occupied int // bytes counted in server.putBytes
	data     []byte
}

func (k *keeping) release() {
	if k.admitted {
		k.server.putStreams.give(k.remote, 1)
		k.server.putBytes.give(k.remote, k.occupied)
	}
	giveBuffer(k.data)
	k.data = nil
}

// obey runs the protocol of FORMAT.md up to the last reply.
func (k *keeping) obey() (r extent.SignedReceipt, err error) {
	v := k.server
	if !v.putStreams.take(k.remote, 1) {
		return r, refuse(RefusedBusy, "too many put streams at once")
	}
	k.admitted = true
	k.stream.allow(keepOpenBytesMax, v.BytesPerSecondMin, v.ProgressTimeout)
	var open keepOpen
	if err := receive(k.stream, &open, keepOpenBytesMax); err != nil {
		return r, err
	}
	m, err := open.verify(v.Self)
	if err != nil {
		return r, err
	}
	if v.Keeping == nil {
		return r, refuse(RefusedNotAllowed, "this peer obeys no custodians")
	}
	o := open.Order
	if err := v.Keeping.Custodian(o.Object, o.Custodian, open.Proof); err != nil {
		return r, refuse(RefusedNotAllowed, "%v", err)
	}
	if err := checkDenied(v.Store, o.Object, o.Extent); err != nil {
		return r, err
	}
	o.LeaseSeconds = min(o.LeaseSeconds, v.LeaseSecondsMax)
	err = v.Keeping.Renew(o.Object, o.Custodian, o.Extent, int(o.Share), o.LeaseSeconds)
	if kind := errs.KindOf(err); open.Brings && (kind == errs.NotFound || kind == errs.Damaged) {
		err = k.take(m, o)
	} else if err != nil {
		err = refusalOf(err)
	}
	if err != nil {
		return r, err
	}
	return extent.SignReceipt(v.Key, extent.Receipt{
		Holder: v.Self, Object: o.Object, Author: o.Custodian, Extent: o.Extent, Share: o.Share,
		Hash: m.Shares[o.Share], Bytes: uint64(m.ShareBytes()), LeaseSeconds: o.LeaseSeconds,
	}), nil
}

// take asks for the share and stores it.
func (k *keeping) take(m *extent.Manifest, o Order) error {
	v, n := k.server, m.ShareBytes()
	if free := v.Store.FreeBytes(); uint64(n) > free {
		return refuse(RefusedFull, "%d bytes left", free)
	}
	if !v.putBytes.take(k.remote, n) {
		return refuse(RefusedBusy, "too many bytes on their way in")
	}
	k.occupied = n
	k.stream.allow(n, v.BytesPerSecondMin, v.ProgressTimeout)
	if err := answer(k.stream, &keepReply{}); err != nil {
		return err
	}
	k.data = takeBuffer(n)[:n]
	if _, err := io.ReadFull(k.stream, k.data); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	err := v.Store.Put(Incoming{
		Object: o.Object, Author: o.Custodian, Manifest: m, Index: int(o.Share), Data: k.data, LeaseSeconds: o.LeaseSeconds,
	})
	if err != nil {
		return refusalOf(err)
	}
	return nil
}
