package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// ServePut takes one share from a put stream, stores it and answers with a
// receipt; it ends the stream. The error is a *Refusal if the peer was told,
// else what broke the stream.
func (v *Server) ServePut(ctx context.Context, remote wire.PeerID, s Stream) error {
	return v.serve(ctx, s, func(p *paced) error {
		in := incoming{server: v, remote: remote, stream: p, began: time.Now()}
		defer in.release()
		receipt, err := in.receive()
		p.by = time.Time{}
		if err == nil {
			compact := receipt.Compact()
			return answer(p, &putReply{Receipt: &compact})
		}
		if refusal := refusalOfInput(err); refusal != nil {
			return errors.Join(refusal, answer(p, &putReply{Refusal: refusal}))
		}
		return err
	})
}

// refusalOfInput tells what the peer did wrong; nil if the stream broke and
// there is nobody to tell.
func refusalOfInput(err error) *Refusal {
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, ErrProtocol), errors.Is(err, frame.ErrTooLarge), errors.Is(err, extent.ErrManifest), errors.Is(err, wire.ErrEncoding):
		return refuse(RefusedMalformed, "%v", err)
	}
	return nil
}

// incoming is a share on its way in.
type incoming struct {
	server *Server
	remote wire.PeerID
	stream *paced
	began  time.Time

	admitted  bool // it occupies a stream
	open      putOpen
	fragments int
	data      []byte // what came; all of it is counted in server.putBytes
}

// release frees what the share occupied.
func (in *incoming) release() {
	if in.admitted {
		in.server.putStreams.give(in.remote, 1)
		in.server.putBytes.give(in.remote, len(in.data))
	}
	giveBuffer(in.data)
	in.data = nil
}

// shareBuffers are kept for the next share: a holder takes gigabytes.
var shareBuffers sync.Pool

// takeBuffer returns an empty buffer of at least that capacity.
func takeBuffer(bytes int) []byte {
	if b, ok := shareBuffers.Get().(*[]byte); ok && cap(*b) >= bytes {
		return (*b)[:0]
	}
	return make([]byte, 0, bytes)
}

func giveBuffer(b []byte) {
	if b != nil {
		shareBuffers.Put(&b)
	}
}

// receive runs the protocol of FORMAT.md up to the reply.
func (in *incoming) receive() (r extent.SignedReceipt, err error) {
	if err := in.admit(); err != nil {
		return r, err
	}
	if err := in.receiveFragments(); err != nil {
		return r, err
	}
	var end putClose
	if err := receive(in.stream, &end, putCloseBytesMax); err != nil {
		return r, err
	}
	m, err := in.accept(&end)
	if err != nil {
		return r, err
	}
	return in.store(m)
}

// admit reads what is to come and refuses it before its bulk where that can be
// known.
func (in *incoming) admit() error {
	v := in.server
	if !v.putStreams.take(in.remote, 1) {
		return refuse(RefusedBusy, "too many put streams at once")
	}
	in.admitted = true
	if err := receive(in.stream, &in.open, putOpenBytesMax); err != nil {
		return err
	}
	if v.Store.FreeBytes() == 0 {
		return refuse(RefusedFull, "no space left")
	}
	return checkDenied(v.Store, in.open.Object, wire.ExtentID{})
}

// receiveFragments reads fragments up to the empty frame that ends them.
func (in *incoming) receiveFragments() error {
	for {
		in.pace()
		n, err := frame.ReadHeader(in.stream, in.open.fragmentBytesMax())
		if err != nil || n == 0 {
			return err
		}
		if err := in.makeRoom(n); err != nil {
			return err
		}
		if err := in.readFragment(n); err != nil {
			return err
		}
	}
}

// pace sets when the next fragment must be there: the whole share so far must
// have come at the least rate.
func (in *incoming) pace() {
	v := in.server
	next := len(in.data) + in.open.fragmentBytesMax()
	in.stream.by = in.began.Add(v.ProgressTimeout + lasting(next, v.BytesPerSecondMin))
}

// usualStripes is how many blocks of a large file an extent has.
const usualStripes = 64

// makeRoom occupies memory for a fragment of n bytes.
func (in *incoming) makeRoom(n int) error {
	if in.fragments++; in.fragments > wire.ExtentStripesMax || len(in.data)+n > extent.ShareBytesMax(int(in.open.K)) {
		return fmt.Errorf("%w: more than %d fragments or %d bytes", ErrProtocol, in.fragments-1, len(in.data))
	}
	if free := in.server.Store.FreeBytes(); uint64(len(in.data)+n) > free {
		return refuse(RefusedFull, "%d bytes left", free)
	}
	if !in.server.putBytes.take(in.remote, n) {
		return refuse(RefusedBusy, "too many bytes on their way in")
	}
	if in.data == nil {
		// Blocks of one extent are of a size, so this is seldom too little.
		in.data = takeBuffer(min(usualStripes*n, extent.ShareBytesMax(int(in.open.K))))
	}
	return nil
}

// readFragment appends n bytes, for which there is room. They are counted as
// occupied from makeRoom on, so data grows whether they come or not.
func (in *incoming) readFragment(n int) error {
	from := len(in.data)
	if cap(in.data)-from < n {
		grown := make([]byte, from, min(max(2*cap(in.data), from+n), wire.ShareBytesMax))
		copy(grown, in.data)
		giveBuffer(in.data)
		in.data = grown
	}
	in.data = in.data[:from+n]
	_, err := io.ReadFull(in.stream, in.data[from:])
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// accept checks all that can be checked without hashing the share: that is the
// store's.
func (in *incoming) accept(end *putClose) (*extent.Manifest, error) {
	m, err := extent.ParseManifest(end.Manifest)
	if err != nil {
		return nil, err
	}
	if m.K != in.open.K || m.N != in.open.N || len(m.Stripes) != in.fragments || m.ShareBytes() != len(in.data) {
		return nil, fmt.Errorf("%w: %d fragments of %d bytes are not a share of this manifest", ErrProtocol, in.fragments, len(in.data))
	}
	statement := putStatement{
		Object: in.open.Object, Extent: extent.IDOf(end.Manifest), Holder: in.server.Self,
		Share: in.open.Share, LeaseSeconds: in.open.LeaseSeconds,
	}
	if err := in.open.Author.Verify(TagPut, wire.Marshal(statement), end.Signature); err != nil {
		return nil, refuse(RefusedNotAllowed, "%v", err)
	}
	return m, nil
}

// store returns the receipt once the share is durable.
func (in *incoming) store(m *extent.Manifest) (r extent.SignedReceipt, err error) {
	v := in.server
	if err := checkDenied(v.Store, in.open.Object, m.ID()); err != nil {
		return r, err
	}
	err = v.Store.Put(Incoming{
		Object: in.open.Object, Author: in.open.Author, Manifest: m,
		Index: int(in.open.Share), Data: in.data, LeaseSeconds: in.lease(),
	})
	if err != nil {
		return r, refusalOf(err)
	}
	return extent.SignReceipt(v.Key, extent.Receipt{
		Holder: v.Self, Object: in.open.Object, Author: in.open.Author, Extent: m.ID(), Share: in.open.Share,
		Hash: m.Shares[in.open.Share], Bytes: uint64(len(in.data)), LeaseSeconds: in.lease(),
	}), nil
}

// lease returns the lease that is granted, in seconds of uptime.
func (in *incoming) lease() uint64 { return min(in.open.LeaseSeconds, in.server.LeaseSecondsMax) }
