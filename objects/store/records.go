package store

import (
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// recordBytesMax bounds an encoded record or lease.
const recordBytesMax = 512

// Formats of leases and records.
const (
	formatCurrent = 1
	formatFile    = 2 // a record of a share that lies in a file
)

// record says how a share lies on disk.
type record struct {
	_          struct{} `cbor:",toarray"`
	Format     uint64
	Hash       wire.ShareHash
	Bytes      uint64 // 1 to wire.ShareBytesMax
	PieceBytes uint64 // of each piece but the last; 0: it lies in a file
}

// lease is one object's claim on a share.
type lease struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64
	Author  wire.PublicKey // whose budget it is charged to
	Bytes   uint64         // of the share
	Seconds uint64         // as granted last
	Until   uint64         // seconds of uptime
}

// encode returns the canonical encoding of a record or lease.
func encode[T record | lease](v T) []byte { return wire.Marshal(v) }

func parseRecord(b []byte) (r record, err error) {
	if err := wire.Unmarshal(b, &r, recordBytesMax); err != nil {
		return r, err
	}
	if r.Bytes < 1 || r.Bytes > wire.ShareBytesMax || r != pieced(r.Hash, int(r.Bytes)) && r != filed(r.Hash, int(r.Bytes)) {
		return r, fmt.Errorf("%w: record of a share of %d bytes in pieces of %d", wire.ErrEncoding, r.Bytes, r.PieceBytes)
	}
	return r, nil
}

func parseLease(b []byte) (l lease, err error) {
	if err := wire.Unmarshal(b, &l, recordBytesMax); err != nil {
		return l, err
	}
	if l.Format != formatCurrent || l.Bytes < 1 || l.Bytes > wire.ShareBytesMax {
		return l, fmt.Errorf("%w: lease of a share of %d bytes", wire.ErrEncoding, l.Bytes)
	}
	return l, nil
}

// A share that lies in no file is cut into as few equal pieces as pieceBytesMax allows, each of
// whole proof groups but the last. Pieces of 256 KiB to 1 MiB are what the value
// log is fastest with.
const (
	pieceBytesMax = 1 << 20
	groupBytes    = 16 << 10
)

// fileBytesMin is the length from which a share is a file of its own: a file
// takes whole blocks of the disk and a sync more, the value log a page fault for
// each page.
const fileBytesMin = 64 << 10

func newRecord(hash wire.ShareHash, bytes int) record {
	if bytes >= fileBytesMin {
		return filed(hash, bytes)
	}
	return pieced(hash, bytes)
}

func filed(hash wire.ShareHash, bytes int) record {
	return record{Format: formatFile, Hash: hash, Bytes: uint64(bytes)}
}

// inFile reports whether the share lies in a file.
func (r record) inFile() bool { return r.Format == formatFile }

// pieced is how shares of all lengths lay before there were files, and small
// ones do.
func pieced(hash wire.ShareHash, bytes int) record {
	pieces := ceil(bytes, pieceBytesMax)
	size := ceil(ceil(bytes, pieces), groupBytes) * groupBytes
	return record{Format: formatCurrent, Hash: hash, Bytes: uint64(bytes), PieceBytes: uint64(size)}
}

func ceil(a, b int) int { return (a + b - 1) / b }

// pieces returns how many pieces the share has; none if it lies in a file.
func (r record) pieces() int {
	if r.inFile() {
		return 0
	}
	return ceil(int(r.Bytes), int(r.PieceBytes))
}

// piece returns the bytes [from, to) of the share that a piece holds.
func (r record) piece(i int) (from, to int) {
	from = i * int(r.PieceBytes)
	return from, min(from+int(r.PieceBytes), int(r.Bytes))
}
