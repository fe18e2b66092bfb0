package transfer

import (
	"context"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
)

// ProtocolNotice is the protocol by which a holder tells a custodian what became
// of its own shares before an audit finds it out.
const ProtocolNotice = "/atoll/share-notice/1"

// NoticeExtentsMax is the most extents of one notice: a position in it is a byte.
const NoticeExtentsMax = 256

// Notice is a holder's word about shares of an object that it holds itself; the
// connection says who it is. At worst it lies about itself, and loses custody of
// its own shares.
type Notice struct {
	_      struct{} `cbor:",toarray"`
	Object wire.ObjectID
	// Leaving: the holder leaves the network, and the shares are to be moved
	// first. Else: its disk did not keep them.
	Leaving bool
	Extents []wire.ExtentID // ascending
}

func (m *Notice) check() error {
	if n := len(m.Extents); n < 1 || n > NoticeExtentsMax {
		return fmt.Errorf("%w: a notice of %d extents", ErrProtocol, n)
	}
	if !ascend(m.Extents) {
		return fmt.Errorf("%w: the extents of a notice are not ascending", ErrProtocol)
	}
	return nil
}

// Need is what a custodian says of a holder's shares of one extent.
type Need uint8

// The needs. Their numbers cross the wire.
const (
	NotKept Need = iota // the extent is not in its custody
	Needed              // it counts some of them
	Settled             // it counts none of them: the holder may go
)

// noticeReply answers it.
type noticeReply struct {
	_       struct{} `cbor:",toarray"`
	Refusal *Refusal
	Needs   []byte // by extent: a Need each
}

func (m *noticeReply) check() error {
	for _, n := range m.Needs {
		if Need(n) > Settled {
			return fmt.Errorf("%w: need %d", ErrProtocol, n)
		}
	}
	if m.Refusal == nil {
		return nil
	}
	if len(m.Needs) > 0 {
		return fmt.Errorf("%w: a refusal that says more", ErrProtocol)
	}
	return m.Refusal.check()
}

// Noticing is what a Server needs to hear holders.
type Noticing interface {
	// Notice takes a holder's word, and says for each extent whether the holder
	// is needed. Errors: of kind NotFound if the object is not in custody here.
	Notice(holder wire.PeerID, n Notice) ([]Need, error)
}

// Notify tells a custodian, and returns what it says of each extent.
func Notify(ctx context.Context, network Network, custodian wire.PeerID, n Notice) ([]Need, error) {
	var reply noticeReply
	if err := askOnce(ctx, network, custodian, ProtocolNotice, &n, &reply, noticeReplyBytesMax); err != nil {
		return nil, err
	}
	if reply.Refusal != nil {
		return nil, reply.Refusal
	}
	if len(reply.Needs) != len(n.Extents) {
		return nil, fmt.Errorf("%w: told of %d extents, it speaks of %d", ErrProtocol, len(n.Extents), len(reply.Needs))
	}
	needs := make([]Need, len(n.Extents))
	for i, b := range reply.Needs {
		needs[i] = Need(b)
	}
	return needs, nil
}

// ServeNotice takes one notice from a holder and ends the stream. The error is a
// *Refusal if the holder was told, else what broke the stream.
func (v *Server) ServeNotice(ctx context.Context, remote wire.PeerID, s Stream) error {
	return v.serve(ctx, s, func(p *paced) error {
		needs, err := []byte(nil), error(refuse(RefusedBusy, "too many streams at once"))
		if v.putStreams.take(remote, 1) {
			defer v.putStreams.give(remote, 1)
			needs, err = v.notice(p, remote)
		}
		p.allow(noticeReplyBytesMax, v.BytesPerSecondMin, v.ProgressTimeout)
		if err == nil {
			return answer(p, &noticeReply{Needs: needs})
		}
		refusal := refusalOfInput(err)
		if refusal == nil {
			return err
		}
		return errors.Join(refusal, answer(p, &noticeReply{Refusal: refusal}))
	})
}

func (v *Server) notice(p *paced, remote wire.PeerID) (needs []byte, err error) {
	p.allow(noticeBytesMax, v.BytesPerSecondMin, v.ProgressTimeout)
	var n Notice
	if err := receive(p, &n, noticeBytesMax); err != nil {
		return nil, err
	}
	if v.Noticing == nil {
		return nil, refuse(RefusedNotAllowed, "this peer has custody of nothing")
	}
	said, err := v.Noticing.Notice(remote, n)
	if err != nil {
		return nil, refusalOf(err)
	}
	for _, need := range said {
		needs = append(needs, byte(need))
	}
	return needs, nil
}

// askOnce opens a stream, sends one message, and takes one reply.
func askOnce(ctx context.Context, n Network, peer wire.PeerID, protocol string, open, reply message, replyBytesMax int) error {
	opening, cancel := context.WithTimeout(ctx, keepOpenTimeout)
	defer cancel()
	s, err := n.Open(opening, peer, protocol)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	p := &paced{Stream: s, stall: keepStallTimeout}
	err = frame.WriteMessage(p, open)
	if err == nil {
		p.stall = keepReceiptTimeout
		err = receive(p, reply, replyBytesMax)
	}
	if err != nil {
		s.Reset()
		return err
	}
	s.Close() // the reply is here, whatever becomes of the stream
	return nil
}

// ascend reports whether extents ascend, none twice.
func ascend(extents []wire.ExtentID) bool {
	for i := 1; i < len(extents); i++ {
		if string(extents[i-1][:]) >= string(extents[i][:]) {
			return false
		}
	}
	return true
}
