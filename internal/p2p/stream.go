package p2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/atollnet/atoll/internal/wire"
)

// ErrProtocol is returned for a protocol that the peer, or this one when a
// stream to itself is asked for, does not serve.
var ErrProtocol = errors.New("protocol not served")

// ErrRefused is what the reader of a stream finds that was reset because its
// opener exceeded a limit.
var ErrRefused = errors.New("refused by the peer: over its limits")

// conn is what a stream needs underneath.
type conn interface {
	io.Reader
	io.Writer
	CloseWrite() error
	Close() error
	Reset() error
	SetDeadline(time.Time) error
}

// Stream is an open stream to a peer.
type Stream struct {
	conn
	remote wire.PeerID
}

// Remote returns the peer at the other end, as its key has proved.
func (s *Stream) Remote() wire.PeerID { return s.remote }

// Read reads as io.Reader says. It fails with ErrRefused if the peer turned the
// stream away because of its limits.
func (s *Stream) Read(b []byte) (int, error) {
	n, err := s.conn.Read(b)
	return n, refusal(err)
}

// refusal makes an error match ErrRefused if it is one.
func refusal(err error) error {
	var reset *network.StreamError
	if errors.As(err, &reset) && reset.Remote && reset.ErrorCode == network.StreamRateLimited {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// Handler serves one stream that remote has opened. The stream is closed when
// it returns; ctx ends when the Host closes.
type Handler func(ctx context.Context, remote wire.PeerID, s *Stream)

// Handle serves a protocol, in a goroutine per stream, within limits.
func (h *Host) Handle(proto string, l Limits, serve Handler) {
	h.mu.Lock()
	h.handlers[proto] = serve
	h.mu.Unlock()
	a := newAdmission(l, &h.refused, h.now)
	h.host.SetStreamHandler(protocol.ID(proto), h.admitted(a, func(raw network.Stream) {
		remote, err := FromLibp2p(raw.Conn().RemotePeer())
		if err != nil { // the gate let nobody else in
			raw.Reset()
			return
		}
		s := &Stream{raw, remote}
		defer s.Close()
		serve(h.tasks.Context(), remote, s)
	}))
}

// admitted wraps a handler of libp2p's: it runs within the limits and counts as
// the Host's.
func (h *Host) admitted(a *admission, serve network.StreamHandler) network.StreamHandler {
	return func(raw network.Stream) {
		p := raw.Conn().RemotePeer()
		if !a.admit(p, Group(raw.Conn().RemoteMultiaddr())) {
			raw.ResetWithError(network.StreamRateLimited)
			return
		}
		defer a.release(p)
		if !h.tasks.Begin() {
			raw.Reset()
			return
		}
		defer h.tasks.Done()
		serve(raw)
	}
}

// Guarded returns the libp2p host for a library that sets stream handlers of
// its own: they run within the limits, all protocols of the library together.
func (h *Host) Guarded(l Limits) host.Host {
	return guarded{h.host, h, newAdmission(l, &h.refused, h.now)}
}

type guarded struct {
	host.Host
	owner     *Host
	admission *admission
}

func (g guarded) SetStreamHandler(p protocol.ID, serve network.StreamHandler) {
	g.Host.SetStreamHandler(p, g.owner.admitted(g.admission, serve))
}

// Open opens a stream to a peer whose address is known, connecting first where
// needed. A dead peer on this machine or network fails at once. A stream to
// this peer itself runs through memory. It fails with ErrRefused if the peer
// says so soon enough; otherwise the first Read does.
func (h *Host) Open(ctx context.Context, to wire.PeerID, proto string) (*Stream, error) {
	if to == h.self {
		return h.openSelf(proto)
	}
	id := ToLibp2p(to)
	h.unblock(id)
	raw, err := h.host.NewStream(ctx, id, protocol.ID(proto))
	if err != nil {
		return nil, fmt.Errorf("p2p: open %s to %s: %w", proto, to, refusal(err))
	}
	return &Stream{raw, to}, nil
}

// unblock makes libp2p forget that it failed to reach the peer, at most once a
// second: its own back-off starts at five seconds and grows to minutes, and a
// peer that was restarted must be reachable at once.
func (h *Host) unblock(id peer.ID) {
	if h.host.Network().Connectedness(id) != network.Connected && h.redial.Take(id) {
		h.backoff.Clear(id)
	}
}

// openSelf starts the handler of a protocol on one end of a pipe and returns
// the other. What one does to oneself counts against no limit.
func (h *Host) openSelf(proto string) (*Stream, error) {
	h.mu.Lock()
	serve, ok := h.handlers[proto]
	h.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("p2p: open %s to oneself: %w", proto, ErrProtocol)
	}
	if !h.tasks.Begin() {
		return nil, fmt.Errorf("p2p: open %s to oneself: %w", proto, ErrClosed)
	}
	near, far := Pipe(h.self, h.self)
	go func() {
		defer h.tasks.Done()
		defer context.AfterFunc(h.tasks.Context(), func() { far.Reset() })()
		defer far.Close()
		serve(h.tasks.Context(), h.self, far)
	}()
	return near, nil
}
