package archive

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
)

const (
	// HintBytesMax is the most bytes of an encoded hint; the rest of a head
	// record belongs to the genesis, the ring chain and the certificate.
	HintBytesMax = 24 << 10
	// HintExtentsMax is the most archive extents that a hint names.
	HintExtentsMax = 512

	hintFormat     = 1
	hintHoldersMax = 255
	noHolder       = 255
)

// ErrHint is returned for a hint that breaks a bound of its format.
var ErrHint = errors.New("bad archive hint")

// Hint says where the nodes of an object's versions are archived.
type Hint struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64
	Version wire.Version    // the newest version all of whose nodes are there
	Holders []wire.PeerID   // whom Extents' bytes index
	Extents []ArchiveExtent // newest first
}

// ArchiveExtent names one archive extent and who took which of its shares when
// it was written.
type ArchiveExtent struct {
	_      struct{} `cbor:",toarray"`
	ID     wire.ExtentID
	Shares []byte // by share: index in Hint.Holders, 255 for none
}

// NewHint makes a hint of extents, newest first. Holders for which there is no
// room, in the table or in the record, are left out, those of the oldest
// extents first: readers find them through provider records.
func NewHint(version wire.Version, sources []transfer.Source) Hint {
	h := Hint{Format: hintFormat, Version: version}
	room := HintBytesMax - hintHeaderBytes - len(sources)*hintExtentBytes
	index := make(map[wire.PeerID]byte)
	for _, s := range sources {
		h.Extents = append(h.Extents, ArchiveExtent{ID: s.Extent, Shares: h.shares(s, index, &room)})
	}
	return h
}

// What the parts of a hint encode to at most, in bytes.
const (
	hintHeaderBytes = 32
	hintExtentBytes = 1 + 34 + 3 // with the header of its shares
	hintHolderBytes = 34
)

// shares returns who took the shares of an extent, as far as there is room.
func (h *Hint) shares(s transfer.Source, index map[wire.PeerID]byte, room *int) []byte {
	last := -1
	for _, held := range s.Holders {
		last = max(last, held.Share)
	}
	if *room -= last + 1; *room < 0 {
		return nil
	}
	shares := make([]byte, last+1)
	for i := range shares {
		shares[i] = noHolder
	}
	for _, held := range s.Holders {
		i, known := index[held.Peer]
		if !known {
			if len(h.Holders) == hintHoldersMax || *room < hintHolderBytes {
				continue
			}
			*room -= hintHolderBytes
			i = byte(len(h.Holders))
			index[held.Peer] = i
			h.Holders = append(h.Holders, held.Peer)
		}
		shares[held.Share] = i
	}
	return shares
}

// Encode returns the canonical encoding.
func (h Hint) Encode() []byte { return wire.Marshal(h) }

// ParseHint parses a hint. Its content is still a claim: only bounds are
// checked.
func ParseHint(b []byte) (Hint, error) {
	var h Hint
	if err := wire.Unmarshal(b, &h, HintBytesMax); err != nil {
		return Hint{}, fmt.Errorf("%w: %v", ErrHint, err)
	}
	switch {
	case h.Format != hintFormat:
		return Hint{}, fmt.Errorf("%w: format %d", ErrHint, h.Format)
	case len(h.Holders) > hintHoldersMax || len(h.Extents) > HintExtentsMax:
		return Hint{}, fmt.Errorf("%w: %d holders, %d extents", ErrHint, len(h.Holders), len(h.Extents))
	}
	for _, e := range h.Extents {
		if len(e.Shares) > wire.SharesMax {
			return Hint{}, fmt.Errorf("%w: extent %v has %d shares", ErrHint, e.ID, len(e.Shares))
		}
		for _, i := range e.Shares {
			if i != noHolder && int(i) >= len(h.Holders) {
				return Hint{}, fmt.Errorf("%w: extent %v names holder %d of %d", ErrHint, e.ID, i, len(h.Holders))
			}
		}
	}
	return h, nil
}

// Source returns where the i-th extent can be fetched.
func (h Hint) Source(i int) transfer.Source {
	e := h.Extents[i]
	s := transfer.Source{Extent: e.ID}
	for share, holder := range e.Shares {
		if holder != noHolder {
			s.Holders = append(s.Holders, transfer.Holding{Peer: h.Holders[holder], Share: share})
		}
	}
	return s
}
