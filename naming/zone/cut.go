package zone

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
)

const (
	// Validity is how long signatures hold, Renew how long before their end
	// they are made anew: a zone survives its owner's absence for at least that
	// long.
	Validity = 30 * 24 * time.Hour
	Renew    = 15 * 24 * time.Hour
	// early is how long before the present signatures begin, for clocks that
	// are late.
	early = time.Hour
	// pageLinks is how many links a page is cut for, and pageBytes how many
	// bytes of them.
	pageLinks = 40
	pageBytes = wire.NameRecordBytesMax - 1024
	linkBytes = sha1.Size*2 + 64 + 16
)

// Mark is what is remembered of a published record.
type Mark struct {
	Kind       wire.RecordKind
	Owner      []byte   // of a name record, in wire form
	Print      [32]byte // of what it says
	Serial     uint64
	Expiration uint32
	Gone       bool
	Bits       uint8 // of an apex, and of a denial
}

// Record is a record to publish.
type Record struct {
	ID    wire.RecordID
	Value []byte
	Mark
}

// Signed is a zone's copy cut into records.
type Signed struct {
	Changed []Record               // to publish, by identifier
	Dropped []wire.RecordID        // of no use any more
	Marks   map[wire.RecordID]Mark // of all records, the changed ones included
}

// Cut makes the records of a zone's copy. It signs those that say something else
// than before, or whose signatures hold for less than Renew, and leaves the
// others out. The serial number is greater than all in before; the key is that
// of the copy.
func Cut(c Copy, seed [32]byte, entries []Entry, before map[wire.RecordID]Mark, serial uint64, now time.Time) (*Signed, error) {
	m, err := newImage(c, entries, serial)
	if err != nil {
		return nil, err
	}
	origin, err := naming.Pack(c.Origin)
	if err != nil {
		return nil, err
	}
	cut := &cutter{
		image: m, key: wire.NewKey(seed), signer: record.NewSigner(seed), digest: naming.DigestOf(c.Origin, c.Key), before: before, now: now,
		zone: record.Zone{
			Origin: origin, Key: c.Key, Serial: serial, NegativeTTL: NegativeTTL,
			Inception: uint32(now.Add(-early).Unix()), Expiration: uint32(now.Add(Validity).Unix()),
		},
		out: &Signed{Marks: map[wire.RecordID]Mark{}},
	}
	if cut.key.Public() != c.Key {
		return nil, errors.New("zone: the copy is another key's")
	}
	if err := cut.chain(); err != nil {
		return nil, err
	}
	return cut.out, cut.all()
}

type cutter struct {
	*image
	key    wire.Key
	signer record.Signer
	digest naming.Digest
	zone   record.Zone
	before map[wire.RecordID]Mark
	now    time.Time
	bits   uint8
	links  []record.Link           // by hash, unsigned
	at     map[[sha1.Size]byte]int // places in links
	out    *Signed
}

// chain makes the zone's NSEC3 chain: of all names, and of those that exist only
// because something lies below them.
func (c *cutter) chain() error {
	owners := map[string]bool{}
	for owner := range c.names {
		owners[owner] = true
		for above := range c.ancestors(owner) {
			if owners[above] {
				break
			}
			owners[above] = true
		}
	}
	for owner := range owners {
		types, err := c.types(owner)
		if err != nil {
			return err
		}
		packed := c.wires[owner]
		if packed == nil {
			if packed, err = naming.Pack(owner); err != nil {
				return err
			}
		}
		c.links = append(c.links, record.Link{Hash: sha1.Sum(packed), Types: types})
	}
	slices.SortFunc(c.links, func(a, b record.Link) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	c.at = make(map[[sha1.Size]byte]int, len(c.links))
	for i := range c.links {
		c.links[i].Next = c.links[(i+1)%len(c.links)].Hash
		c.at[c.links[i].Hash] = i
	}
	c.bits = c.pageBits()
	return nil
}

// pageBits returns how long the prefixes of pages are: as short as fits, or one
// more if the zone has it so already. A zone that changes size back and forth is
// not cut anew each time.
func (c *cutter) pageBits() uint8 {
	bits := uint8(0)
	for !c.pagesFit(bits) {
		bits++
	}
	apex := c.before[naming.NameID(c.digest, c.zone.Origin)]
	if apex.Bits == bits+1 {
		return apex.Bits
	}
	return bits
}

func (c *cutter) pagesFit(bits uint8) bool {
	links, size, prefix := 0, 0, uint32(0)
	for i := range c.links {
		if p := record.Prefix(c.links[i].Hash, bits); p != prefix {
			links, size, prefix = 0, 0, p
		}
		links++
		if size += linkBytes + len(c.links[i].Types); links > pageLinks || size > pageBytes {
			return bits >= record.BitsMax
		}
	}
	return true
}

func (c *cutter) all() error {
	for _, owner := range slices.Sorted(maps.Keys(c.names)) {
		if err := c.cutName(owner); err != nil {
			return err
		}
	}
	for from, prefix := 0, uint32(0); uint64(prefix) < 1<<c.bits; prefix++ {
		to := from
		for to < len(c.links) && record.Prefix(c.links[to].Hash, c.bits) == prefix {
			to++
		}
		if err := c.cutPage(prefix, from, to); err != nil {
			return err
		}
		from = to
	}
	c.leave()
	slices.SortFunc(c.out.Changed, func(a, b Record) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return nil
}

// print is a fingerprint of what a record says.
func print(v any) [32]byte { return wire.Derive("atoll/v1/dns-print", wire.Marshal(v)) }

// keep notes a record that says what it said, and reports whether it does.
func (c *cutter) keep(id wire.RecordID, print [32]byte) bool {
	old, ok := c.before[id]
	if !ok || old.Print != print || old.Gone || int64(old.Expiration) < c.now.Add(Renew).Unix() {
		return false
	}
	c.out.Marks[id] = old
	return true
}

func (c *cutter) publish(id wire.RecordID, value []byte, m Mark) error {
	if len(value) > wire.NameRecordBytesMax {
		return fmt.Errorf("%w: %s has records of %d bytes, at most %d are allowed", ErrEntry, shown(m.Owner), len(value), wire.NameRecordBytesMax)
	}
	m.Serial, m.Expiration = c.zone.Serial, c.zone.Expiration
	c.out.Marks[id] = m
	c.out.Changed = append(c.out.Changed, Record{ID: id, Value: value, Mark: m})
	return nil
}

func shown(owner []byte) string {
	name, err := naming.Unpack(owner)
	if err != nil {
		return "the zone"
	}
	return name
}

func (c *cutter) cutName(owner string) error {
	sets, err := c.sets(owner)
	if err != nil {
		return err
	}
	packed := c.wires[owner]
	link := c.links[c.at[sha1.Sum(packed)]]
	n := &record.Name{Kind: record.Format, Zone: c.zone, Owner: packed, Sets: sets, Link: []record.Link{link}}
	if owner == c.Origin {
		n.Bits = c.bits
	}
	id := naming.NameID(c.digest, packed)
	says := print([]any{sets, link, n.Bits, c.zone.NegativeTTL})
	if c.keep(id, says) {
		return nil
	}
	for i := range n.Sets {
		s := &n.Sets[i]
		if s.Type == dns.TypeNS && owner != c.Origin {
			continue // not this zone's to sign (RFC 4035 section 2.2)
		}
		if err := n.Zone.SignSet(s, owner, c.names[owner][s.Type], c.signer); err != nil {
			return err
		}
	}
	if err := n.Zone.SignLink(&n.Link[0], c.signer); err != nil {
		return err
	}
	return c.publish(id, n.Sign(c.key), Mark{Kind: wire.RecordName, Owner: packed, Print: says, Bits: n.Bits})
}

// cutPage makes the page of the links from one place to another, and of the one
// before them. Where there is one page, the link before the first is its last.
func (c *cutter) cutPage(prefix uint32, from, to int) error {
	var links []record.Link
	if c.bits > 0 {
		links = append(links, c.links[(from+len(c.links)-1)%len(c.links)])
	}
	links = append(links, c.links[from:to]...)
	d := &record.Denial{Kind: record.Format, Zone: c.zone, Bits: c.bits, Prefix: prefix, Links: links}
	id := naming.DenialID(c.digest, c.bits, prefix)
	says := print([]any{links, c.zone.NegativeTTL})
	if c.keep(id, says) {
		return nil
	}
	for i := range d.Links {
		if err := d.Zone.SignLink(&d.Links[i], c.signer); err != nil {
			return err
		}
	}
	return c.publish(id, d.Sign(c.key), Mark{Kind: wire.RecordDenial, Print: says, Bits: c.bits})
}

// leave says of names that are not there any more that they have gone, for as
// long as an older record of theirs could still be shown.
func (c *cutter) leave() {
	for _, id := range slices.SortedFunc(maps.Keys(c.before), func(a, b wire.RecordID) int { return bytes.Compare(a[:], b[:]) }) {
		old := c.before[id]
		if _, there := c.out.Marks[id]; there {
			continue
		}
		if old.Kind == wire.RecordDenial || old.Gone && int64(old.Expiration) < c.now.Unix() {
			c.out.Dropped = append(c.out.Dropped, id)
			continue
		}
		if old.Gone {
			c.out.Marks[id] = old
			continue
		}
		n := &record.Name{Kind: record.Format, Zone: c.zone, Owner: old.Owner}
		// It says little enough to fit.
		_ = c.publish(id, n.Sign(c.key), Mark{Kind: wire.RecordName, Owner: old.Owner, Gone: true})
	}
}

// MarkOf returns the mark of a record that was published, from its bytes.
func MarkOf(kind wire.RecordKind, value []byte) (Mark, error) {
	switch kind {
	case wire.RecordName:
		n, err := record.ParseName(value)
		if err != nil {
			return Mark{}, err
		}
		m := Mark{Kind: kind, Owner: n.Owner, Serial: n.Zone.Serial, Expiration: n.Zone.Expiration, Gone: n.Gone(), Bits: n.Bits}
		for i := range n.Sets {
			n.Sets[i].Signature = nil
		}
		if len(n.Link) == 1 {
			n.Link[0].Signature = wire.Signature{}
			m.Print = print([]any{n.Sets, n.Link[0], n.Bits, n.Zone.NegativeTTL})
		}
		return m, nil
	case wire.RecordDenial:
		d, err := record.ParseDenial(value)
		if err != nil {
			return Mark{}, err
		}
		for i := range d.Links {
			d.Links[i].Signature = wire.Signature{}
		}
		return Mark{Kind: kind, Serial: d.Zone.Serial, Expiration: d.Zone.Expiration, Bits: d.Bits,
			Print: print([]any{d.Links, d.Zone.NegativeTTL})}, nil
	}
	return Mark{}, record.ErrRecord
}
