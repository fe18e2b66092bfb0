package transfer

import (
	"fmt"
	"io"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// message is a record of FORMAT.md: check holds the rules that the encoding
// alone does not.
type message interface{ check() error }

// parse parses a message from all of b.
func parse(b []byte, m message, max int) error {
	if err := wire.Unmarshal(b, m, max); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return m.check()
}

// receive reads a message in a frame of at most max bytes.
func receive(r io.Reader, m message, max int) error {
	b, err := frame.Read(r, max)
	if err != nil {
		return err
	}
	return parse(b, m, max)
}

// putOpen begins a put stream: what is to come.
type putOpen struct {
	_            struct{} `cbor:",toarray"`
	Object       wire.ObjectID
	Author       wire.PublicKey
	K, N         uint8 // of the extent
	Share        uint8 // the index of the share that this stream brings
	LeaseSeconds uint64
}

func (m *putOpen) check() error {
	if m.K < 1 || m.N < m.K || m.Share >= m.N || m.LeaseSeconds == 0 {
		return fmt.Errorf("%w: share %d of a %d-of-%d extent for %d s", ErrProtocol, m.Share, m.K, m.N, m.LeaseSeconds)
	}
	return nil
}

// fragmentBytesMax is the most bytes of one fragment of the extent.
func (m *putOpen) fragmentBytesMax() int {
	return (wire.SealedBytesMax + int(m.K) - 1) / int(m.K)
}

// putClose ends a put stream.
type putClose struct {
	_         struct{} `cbor:",toarray"`
	Manifest  []byte
	Signature wire.Signature // the author's, on a putStatement
}

func (m *putClose) check() error {
	if len(m.Manifest) > wire.ManifestBytesMax {
		return fmt.Errorf("%w: manifest of %d bytes", ErrProtocol, len(m.Manifest))
	}
	return nil
}

// TagPut is the kind of statement by which an author asks a holder to keep a
// share.
const TagPut wire.Tag = "atoll/v1/put-share"

// putStatement is what the author signs. It names the holder, so that no other
// peer can be made to store the share on the author's account, and the lease.
type putStatement struct {
	_            struct{} `cbor:",toarray"`
	Object       wire.ObjectID
	Extent       wire.ExtentID
	Holder       wire.PeerID
	Share        uint8
	LeaseSeconds uint64
}

// putReply answers a put stream: a receipt or a refusal.
type putReply struct {
	_       struct{} `cbor:",toarray"`
	Refusal *Refusal
	Receipt *extent.CompactReceipt
}

func (m *putReply) check() error {
	if (m.Refusal == nil) == (m.Receipt == nil) {
		return fmt.Errorf("%w: a reply is a receipt or a refusal", ErrProtocol)
	}
	if m.Refusal != nil {
		return m.Refusal.check()
	}
	return nil
}

// What a getRequest asks for.
const (
	getManifest = 1
	getRange    = 2
)

// getRequest asks for a range of a share, or for a manifest and the indexes of
// the shares that go with it.
type getRequest struct {
	_              struct{} `cbor:",toarray"`
	What           uint8
	Extent         wire.ExtentID
	Share          uint8  // of a range, else 0
	Offset, Length uint32 // of a range in bytes, else 0
}

func (m *getRequest) check() error {
	switch m.What {
	case getManifest:
		if m.Share == 0 && m.Offset == 0 && m.Length == 0 {
			return nil
		}
	case getRange:
		if m.Length >= 1 && m.Length <= RangeBytesMax && m.Offset <= wire.ShareBytesMax-m.Length {
			return nil
		}
	}
	return fmt.Errorf("%w: request %d for bytes [%d, +%d) of share %d", ErrProtocol, m.What, m.Offset, m.Length, m.Share)
}

// getReply answers a getRequest. The slice of a range follows it, in no frame:
// the reader knows its length.
type getReply struct {
	_        struct{} `cbor:",toarray"`
	Refusal  *Refusal
	Manifest []byte // empty unless a manifest was asked for
	Shares   []byte // indexes of the shares held, ascending
}

func (m *getReply) check() error {
	if m.Refusal != nil {
		if len(m.Manifest) > 0 || len(m.Shares) > 0 {
			return fmt.Errorf("%w: a refusal that brings something", ErrProtocol)
		}
		return m.Refusal.check()
	}
	if len(m.Manifest) > wire.ManifestBytesMax {
		return fmt.Errorf("%w: manifest of %d bytes", ErrProtocol, len(m.Manifest))
	}
	for i := 1; i < len(m.Shares); i++ {
		if m.Shares[i] <= m.Shares[i-1] {
			return fmt.Errorf("%w: share indexes do not ascend", ErrProtocol)
		}
	}
	return nil
}
