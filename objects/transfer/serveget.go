package transfer

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

// ServeGet answers requests, one after another, until the peer ends the stream
// or falls silent; it ends the stream.
func (v *Server) ServeGet(ctx context.Context, remote wire.PeerID, s Stream) error {
	return v.serve(ctx, s, func(p *paced) error {
		if !v.getStreams.take(remote, 1) {
			refusal := refuse(RefusedBusy, "too many get streams at once")
			return errors.Join(refusal, answer(p, &getReply{Refusal: refusal}))
		}
		defer v.getStreams.give(remote, 1)
		for {
			if err := v.serveRequest(p); err != nil {
				return ended(err)
			}
		}
	})
}

// ended makes the end of a stream between two requests no error.
func ended(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// serveRequest answers one request.
func (v *Server) serveRequest(p *paced) error {
	p.stall, p.by = v.IdleTimeout, time.Time{}
	var q getRequest
	if err := receive(p, &q, getRequestBytesMax); err != nil {
		if refusal := refusalOfInput(err); refusal != nil {
			return errors.Join(refusal, answer(p, &getReply{Refusal: refusal}))
		}
		return err
	}
	p.stall = v.ProgressTimeout
	p.allow(int(q.Length), v.BytesPerSecondMin, v.ProgressTimeout)
	if err := checkDenied(v.Store, wire.ObjectID{}, q.Extent); err != nil {
		return tell(p, err)
	}
	if q.What == getManifest {
		return v.sendManifest(p, q.Extent)
	}
	return v.sendSlice(p, &q)
}

// sendManifest answers a request for a manifest.
func (v *Server) sendManifest(p *paced, id wire.ExtentID) error {
	m, err := v.Store.Manifest(id)
	if err != nil {
		return tell(p, err)
	}
	held, err := v.Store.Indexes(id)
	if err != nil {
		return tell(p, err)
	}
	reply := &getReply{Manifest: m.Encode(), Shares: make([]byte, len(held))}
	for i, index := range held {
		reply.Shares[i] = byte(index)
	}
	return answer(p, reply)
}

// sendSlice answers a request for a range. The reply begins only when the store
// has the slice.
func (v *Server) sendSlice(p *paced, q *getRequest) error {
	w := &announcing{w: p}
	err := v.Store.Slice(w, q.Extent, int(q.Share), int(q.Offset), int(q.Length))
	if err != nil && !w.begun {
		return tell(p, err)
	}
	return err
}

// tell answers that the store would not; the stream goes on.
func tell(p *paced, err error) error {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		errors.As(refusalOf(err), &refusal)
	}
	return answer(p, &getReply{Refusal: refusal})
}

// announcing writes the reply before the first byte of a slice.
type announcing struct {
	w     io.Writer
	begun bool
}

func (a *announcing) Write(b []byte) (int, error) {
	if !a.begun {
		a.begun = true
		if err := answer(a.w, &getReply{}); err != nil {
			return 0, err
		}
	}
	return a.w.Write(b)
}
