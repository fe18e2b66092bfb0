package transfer

import (
	"context"
	"errors"
	"io"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// The ways in which the peer at the other end can be bad.

var errUnreachable = errors.New("connection refused")

// fault makes a node misbehave.
type fault func(n *node)

func unreachable(n *node) {
	n.open = func(context.Context, string) error { return errUnreachable }
}

func blackHole(n *node) {
	n.open = func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}
}

// serves replaces the server of one protocol.
func serves(serve func(ctx context.Context, n *node, s Stream)) fault {
	return func(n *node) {
		n.serve = func(ctx context.Context, _ string, s Stream) { serve(ctx, n, s) }
	}
}

// wraps stands between the server and the stream.
func wraps(wrap func(s Stream) Stream) fault {
	return func(n *node) { n.wrap = func(_ string, s Stream) Stream { return wrap(s) } }
}

// silent takes the stream and does nothing at all with it.
var silent = serves(func(ctx context.Context, _ *node, _ Stream) { <-ctx.Done() })

// nothing ends the stream at once.
var nothing = serves(func(_ context.Context, _ *node, s Stream) { s.Close() })

// breaks resets the stream at once.
var breaks = serves(func(_ context.Context, _ *node, s Stream) { s.Reset() })

// says writes bytes to whoever asks, takes what comes, and ends the stream.
func says(b []byte) fault {
	return serves(func(_ context.Context, _ *node, s Stream) {
		s.Write(b)
		s.CloseWrite()
		io.Copy(io.Discard, s)
	})
}

// swallows takes everything and never answers.
var swallows = serves(func(ctx context.Context, _ *node, s Stream) {
	io.Copy(io.Discard, s)
	<-ctx.Done()
})

// flipping changes a bit in the middle of whatever bulk is sent.
type flipping struct{ Stream }

func (s flipping) Write(b []byte) (int, error) {
	if len(b) < 200 {
		return s.Stream.Write(b)
	}
	c := append([]byte(nil), b...)
	c[len(c)/2] ^= 4
	return s.Stream.Write(c)
}

var flipsBits = wraps(func(s Stream) Stream { return flipping{s} })

// cutting ends the stream in the middle of the bulk, either way.
type cutting struct {
	Stream
	left int
}

func (s *cutting) Read(b []byte) (int, error) {
	n, err := s.Stream.Read(b[:min(len(b), max(s.left, 1))])
	if s.left -= n; s.left <= 0 {
		s.Reset()
	}
	return n, err
}

func (s *cutting) Write(b []byte) (int, error) {
	if len(b) > s.left {
		s.Stream.Write(b[:s.left])
		s.Close()
		return s.left, io.ErrClosedPipe
	}
	s.left -= len(b)
	return s.Stream.Write(b)
}

// cuts ends a stream after so many bytes.
func cuts(bytes int) fault { return wraps(func(s Stream) Stream { return &cutting{s, bytes} }) }

// mixesUp answers with other shares of the same length, which prove themselves
// but not against the manifest.
func mixesUp(n *node) {
	for id, held := range n.store.shares {
		for i, share := range held {
			n.store.shares[id][i] = junk(len(share))
		}
	}
}

// full has no space left.
func full(n *node) { n.store.free = 0 }

// fullLater runs out of space in the middle of a share.
func fullLater(n *node) { n.store.free = 40_000 }

// fails has a store that fails.
func fails(n *node) { n.store.putErr = errors.New("disk on fire") }

// busy turns every stream away.
func busy(n *node) {
	n.server = NewServer(ServerConfig{Self: n.peer, Key: n.key, Store: n.store, PutStreamsMax: -1, GetStreamsMax: -1})
}

// lies takes a share and answers with a receipt that the test makes up.
func lies(reply func(n *node, open *putOpen, m *extent.Manifest) putReply) fault {
	return serves(func(_ context.Context, n *node, s Stream) {
		var open putOpen
		if receive(s, &open, putOpenBytesMax) != nil {
			return
		}
		for {
			b, err := frame.Read(s, wire.SealedBytesMax)
			if err != nil {
				return
			}
			if len(b) == 0 {
				break
			}
		}
		var end putClose
		if receive(s, &end, putCloseBytesMax) != nil {
			return
		}
		m, err := extent.ParseManifest(end.Manifest)
		if err != nil {
			return
		}
		answer(s, ptr(reply(n, &open, m)))
		s.Close()
	})
}

func ptr[T any](v T) *T { return &v }

// forged returns a receipt that is right but for what spoil does, signed by a
// key.
func forged(key func(n *node) wire.Key, spoil func(r *extent.Receipt)) fault {
	return lies(func(n *node, open *putOpen, m *extent.Manifest) putReply {
		r := extent.Receipt{
			Holder: n.peer, Object: open.Object, Author: open.Author, Extent: m.ID(), Share: open.Share,
			Hash: m.Shares[open.Share], Bytes: uint64(m.ShareBytes()), LeaseSeconds: open.LeaseSeconds,
		}
		spoil(&r)
		return putReply{Receipt: ptr(extent.SignReceipt(key(n), r).Compact())}
	})
}

func ownKey(n *node) wire.Key { return n.key }
func otherKey(*node) wire.Key { return wire.NewKey([32]byte{0xcc}) }
func asIs(*extent.Receipt)    {}
func junk(n int) []byte       { return blocks(99, n)[0] }
func frameOf(n uint32) []byte { return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)} }

func denies(n *node) { n.store.denies = func(wire.ObjectID, wire.ExtentID) bool { return true } }
