package record

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
)

// Format is the version of both formats.
const Format = 1

// Limits of a record; both kinds have at most wire.NameRecordBytesMax.
const (
	// SetsMax is the most record sets of one owner name.
	SetsMax = 64
	// SetRecordsMax is the most records of one set.
	SetRecordsMax = 256
	// PageLinksMax is the most links of one page of denials.
	PageLinksMax = 48
	// BitsMax is the most bits of a page's prefix: 16 million pages.
	BitsMax = 24
	// TypesBytesMax bounds the type bitmap of a link: RFC 4034 section 4.1.2
	// allows 256 windows, and a name has at most SetsMax types.
	TypesBytesMax = SetsMax*3 + 64
)

const (
	tagName   wire.Tag = "atoll/v1/dns-name"
	tagDenial wire.Tag = "atoll/v1/dns-denial"
)

var (
	// ErrRecord is returned for bytes that are no record.
	ErrRecord = errors.New("no such record")
	// ErrForeign is returned for a record under another's identifier.
	ErrForeign = errors.New("the record belongs elsewhere")
	// ErrExpired is returned for a record whose signatures are not valid any
	// more, ErrEarly for one whose signatures are not valid yet.
	ErrExpired = errors.New("the record's signatures have expired")
	ErrEarly   = errors.New("the record's signatures are not valid yet")
)

// Zone is what all records of a zone say of it.
type Zone struct {
	_      struct{} `cbor:",toarray"`
	Origin []byte   // its name, in wire form
	Key    wire.PublicKey
	// Serial is greater in each record of a name than in the one before.
	Serial uint64
	// Inception and Expiration bound all signatures in the record, in seconds
	// since 1970 (until 2106, as in RRSIGs).
	Inception, Expiration uint32
	// NegativeTTL is how long a client may remember that something is not
	// there, in seconds; NSEC3 records have it (RFC 9077).
	NegativeTTL uint32
}

// Digest returns the zone's digest.
func (z *Zone) Digest() (naming.Digest, error) {
	origin, err := naming.Unpack(z.Origin)
	if err != nil {
		return naming.Digest{}, err
	}
	return naming.DigestOf(origin, z.Key), nil
}

// Set is one record set and its signature.
type Set struct {
	_         struct{} `cbor:",toarray"`
	Type      uint16
	TTL       uint32   // seconds
	Data      [][]byte // of each record, in wire form, ascending, each once
	Signature []byte   // of its RRSIG, 64 bytes; empty for NS at a delegation
}

// Link is one NSEC3 record (RFC 5155) with its signature: parameters `1 0 0 -`.
type Link struct {
	_         struct{}        `cbor:",toarray"`
	Hash      [sha1.Size]byte // of the owner name
	Next      [sha1.Size]byte // the next hash of the zone
	Types     []byte          // the type bitmap, in wire form
	Signature wire.Signature  // of its RRSIG
}

// Name is a name record. One without sets and link says that the name has gone.
type Name struct {
	_     struct{} `cbor:",toarray"`
	Kind  uint64   // Format
	Zone  Zone
	Owner []byte // the owner name, in wire form
	Sets  []Set  // ascending by type
	Link  []Link // its NSEC3; none for a name that has gone
	// Bits is how long the prefixes of the zone's pages are; only at the apex.
	Bits      uint8
	Signature wire.Signature
}

// Gone reports whether the record says that the name has no record sets.
func (n *Name) Gone() bool { return len(n.Sets) == 0 }

// Set returns the set of a type, or nil.
func (n *Name) Set(t uint16) *Set {
	for i := range n.Sets {
		if n.Sets[i].Type == t {
			return &n.Sets[i]
		}
	}
	return nil
}

// Denial is a page of a zone's NSEC3 chain: all links whose hashes begin with
// the first Bits bits of Prefix, and before them the one that covers where
// they begin.
type Denial struct {
	_         struct{} `cbor:",toarray"`
	Kind      uint64   // Format
	Zone      Zone
	Bits      uint8
	Prefix    uint32 // in its Bits lowest bits
	Links     []Link
	Signature wire.Signature
}

// Sign signs a name record with the zone's key and returns its bytes.
func (n *Name) Sign(key wire.Key) []byte {
	n.Signature = key.Sign(tagName, n.body())
	return wire.Marshal(n)
}

func (n *Name) body() []byte {
	bare := *n
	bare.Signature = wire.Signature{}
	return wire.Marshal(bare)
}

// Sign signs a denial record with the zone's key and returns its bytes.
func (d *Denial) Sign(key wire.Key) []byte {
	d.Signature = key.Sign(tagDenial, d.body())
	return wire.Marshal(d)
}

func (d *Denial) body() []byte {
	bare := *d
	bare.Signature = wire.Signature{}
	return wire.Marshal(bare)
}

// ParseName parses a name record and checks everything but the RRSIGs in it and
// the time.
func ParseName(b []byte) (*Name, error) {
	n := new(Name)
	if err := wire.Unmarshal(b, n, wire.NameRecordBytesMax); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if err := n.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return n, n.Zone.Key.Verify(tagName, n.body(), n.Signature)
}

func (n *Name) check() error {
	if n.Kind != Format || len(n.Sets) > SetsMax || len(n.Link) > 1 || n.Bits > BitsMax || n.Gone() != (len(n.Link) == 0) {
		return errors.New("its parts do not fit each other")
	}
	if err := n.Zone.check(n.Owner); err != nil {
		return err
	}
	for i := range n.Sets {
		if err := n.Sets[i].check(); err != nil {
			return err
		}
		if i > 0 && n.Sets[i].Type <= n.Sets[i-1].Type {
			return errors.New("its sets are not in order")
		}
	}
	if len(n.Link) == 1 {
		if n.Link[0].Hash != sha1.Sum(n.Owner) {
			return errors.New("its NSEC3 is another name's")
		}
		return n.Link[0].check()
	}
	return nil
}

func (z *Zone) check(owner []byte) error {
	if _, err := naming.Unpack(z.Origin); err != nil {
		return err
	}
	if _, err := naming.Unpack(owner); err != nil {
		return err
	}
	if !inZone(owner, z.Origin) || z.Inception >= z.Expiration {
		return errors.New("it lies outside its zone or its time")
	}
	return nil
}

// inZone reports whether a name is the origin or below it. Both are in wire
// form.
func inZone(name, origin []byte) bool {
	for len(name) >= len(origin) {
		if bytes.Equal(name, origin) {
			return true
		}
		if len(name) == 0 || name[0] == 0 {
			return false
		}
		name = name[1+int(name[0]):]
	}
	return false
}

func (s *Set) check() error {
	if len(s.Data) == 0 || len(s.Data) > SetRecordsMax || len(s.Signature) != 0 && len(s.Signature) != len(wire.Signature{}) {
		return fmt.Errorf("its set of type %d is empty, too large or badly signed", s.Type)
	}
	for i := 1; i < len(s.Data); i++ {
		if bytes.Compare(s.Data[i-1], s.Data[i]) >= 0 {
			return fmt.Errorf("its set of type %d is not in order", s.Type)
		}
	}
	return nil
}

func (l *Link) check() error {
	if len(l.Types) > TypesBytesMax {
		return errors.New("its type bitmap is too large")
	}
	return nil
}

// ParseDenial parses a denial record and checks everything but the RRSIGs in it
// and the time.
func ParseDenial(b []byte) (*Denial, error) {
	d := new(Denial)
	if err := wire.Unmarshal(b, d, wire.NameRecordBytesMax); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return d, d.Zone.Key.Verify(tagDenial, d.body(), d.Signature)
}

func (d *Denial) check() error {
	if d.Kind != Format || d.Bits > BitsMax || uint64(d.Prefix)>>d.Bits != 0 || len(d.Links) == 0 || len(d.Links) > PageLinksMax {
		return errors.New("its parts do not fit each other")
	}
	if err := d.Zone.check(d.Zone.Origin); err != nil {
		return err
	}
	for i := range d.Links {
		if err := d.Links[i].check(); err != nil {
			return err
		}
		// The first link may come from before the page, even from the end of
		// the chain; the rest lie on it, in order.
		if i > 0 && (Prefix(d.Links[i].Hash, d.Bits) != d.Prefix || i > 1 && bytes.Compare(d.Links[i-1].Hash[:], d.Links[i].Hash[:]) >= 0) {
			return errors.New("its links are not in order")
		}
	}
	return nil
}

// Prefix returns the first bits of a hash.
func Prefix(hash [sha1.Size]byte, bits uint8) uint32 {
	first := uint32(hash[0])<<24 | uint32(hash[1])<<16 | uint32(hash[2])<<8 | uint32(hash[3])
	if bits == 0 {
		return 0
	}
	return first >> (32 - bits)
}

// Find returns the link whose hash is the given one, or the one that proves that
// there is none, or nil if the page has neither.
func (d *Denial) Find(hash [sha1.Size]byte) (link *Link, exists bool) {
	for i := range d.Links {
		l := &d.Links[i]
		switch {
		case l.Hash == hash:
			return l, true
		case l.covers(hash):
			return l, false
		}
	}
	return nil, false
}

// covers reports whether the hash lies between the link's two. The last link of
// a chain goes around its end; the link of a chain of one covers all else.
func (l *Link) covers(hash [sha1.Size]byte) bool {
	after := bytes.Compare(l.Hash[:], hash[:]) < 0
	before := bytes.Compare(hash[:], l.Next[:]) < 0
	if bytes.Compare(l.Hash[:], l.Next[:]) < 0 {
		return after && before
	}
	return after || before
}
