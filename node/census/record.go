package census

import (
	"errors"
	"fmt"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	recordFormat  = 1
	recordTag     = wire.Tag("atoll/v1/peer-record")
	addressesMax  = 8    // addresses of one record
	labelBytesMax = 64   // failure domain, software
	recordMax     = 1024 // bytes of one signed record
)

// ErrRecord is returned for a record that breaks the format or is not signed by
// its peer.
var ErrRecord = errors.New("not a peer record")

// record is what a peer says of itself.
type record struct {
	_          struct{} `cbor:",toarray"`
	Format     uint64
	Peer       wire.PeerID
	Seq        uint64   // grows with every record of the peer, over restarts too
	Addresses  [][]byte // binary multiaddresses, without the peer ID
	FreeBytes  uint64
	QuotaBytes uint64
	Domain     string
	Software   string
}

// signed is a record as it travels.
type signed struct {
	_         struct{} `cbor:",toarray"`
	Record    record
	Signature wire.Signature
}

func sign(key wire.Signer, r record) signed {
	return signed{Record: r, Signature: key.Sign(recordTag, wire.Marshal(r))}
}

// check refuses a record that breaks the format's bounds or is not signed by
// its peer.
func (s signed) check() error {
	r := s.Record
	switch {
	case r.Format != recordFormat:
		return fmt.Errorf("%w: format %d", ErrRecord, r.Format)
	case r.Peer.IsZero():
		return fmt.Errorf("%w: of nobody", ErrRecord)
	case len(r.Addresses) > addressesMax || len(r.Domain) > labelBytesMax || len(r.Software) > labelBytesMax:
		return fmt.Errorf("%w: over its bounds", ErrRecord)
	}
	body := wire.Marshal(r)
	if len(body) > recordMax {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrRecord, len(body), recordMax)
	}
	if err := r.Peer.Key().Verify(recordTag, body, s.Signature); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return nil
}

// addresses returns the record's addresses; those that do not parse are left
// out.
func (r record) addresses() []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for _, b := range r.Addresses {
		if a, err := ma.NewMultiaddrBytes(b); err == nil {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// group returns the failure domain that the peer names, else the address group
// of its first address that has one.
func (r record) group() string {
	if r.Domain != "" {
		return "domain:" + r.Domain
	}
	for _, a := range r.addresses() {
		if g := p2p.Group(a); g != "" {
			return g
		}
	}
	return ""
}
