package owner

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/zone"
)

// Limits of what one user has.
const (
	ZonesMax   = 1024
	OriginsMax = 16
	KeysMax    = 8
	// OwnerEntriesMax bounds the entries of one owner name.
	OwnerEntriesMax = 4096
	// ownerBytesMax bounds them as stored.
	ownerBytesMax = 512 << 10
)

// Format of all records of this package.
const format = 1

// State is how far a key of a zone has come.
type State uint8

// The states of keys.
const (
	Live    State = iota + 1 // it signs a copy of the zone
	Retired                  // it signs nothing any more, but under the zone's own name
)

// Key is one of a zone's keys, named by its generation.
type Key struct {
	_          struct{} `cbor:",toarray"`
	Generation uint32
	Public     wire.PublicKey
	State      State
}

// Origin is a name that the zone is published under beside its own.
type Origin struct {
	_    struct{} `cbor:",toarray"`
	Name string   // canonical
	Root bool     // others trust it by configuration, not by delegation
}

// Zone is what is remembered of a zone.
type Zone struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64
	Label   string
	Keys    []Key // the first one is its name's
	Origins []Origin
	Serial  uint64 // of the last publication; 0: none yet
	Open    bool   // others may register names in it
	Created int64  // seconds since 1970
}

// Self returns the zone's self-certifying name.
func (z *Zone) Self() string { return naming.SelfName(z.Keys[0].Public) }

// LiveKeys returns the keys that sign copies under the zone's other names, the
// newest last.
func (z *Zone) LiveKeys() (keys []Key) {
	for _, k := range z.Keys {
		if k.State == Live {
			keys = append(keys, k)
		}
	}
	return keys
}

// signedCopy is a copy and the generation of the key that signs it.
type signedCopy struct {
	zone.Copy
	generation uint32
}

// copies returns all copies of the zone that are published: under its own name
// with its first key, and under each other name with each live key.
func (z *Zone) copies() []signedCopy {
	self := signedCopy{zone.Copy{Origin: z.Self(), Key: z.Keys[0].Public, Label: z.Label}, z.Keys[0].Generation}
	all := []signedCopy{self}
	live := z.LiveKeys()
	for _, o := range z.Origins {
		for i, k := range live {
			c := zone.Copy{Origin: o.Name, Key: k.Public}
			for _, other := range slices.Delete(slices.Clone(live), i, i+1) {
				c.Others = append(c.Others, other.Public)
			}
			all = append(all, signedCopy{c, k.Generation})
		}
	}
	return all
}

var labelForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// checkLabel tells whether s can be what a user calls a zone: one label of
// letters, digits and hyphens.
func checkLabel(s string) error {
	if !labelForm.MatchString(s) {
		return errs.New("name zone", clip(s), errs.Usage, errors.New("a zone's label has 1 to 63 letters, digits and hyphens"))
	}
	return nil
}

func clip(s string) string { return s[:min(len(s), 80)] }

// Keys in the local store.
const (
	prefixZone    = "nz" // + label
	prefixEntries = "ne" // + label ‖ 0 ‖ owner
	prefixRecord  = "np" // + kind ‖ id
)

func zoneKey(label string) []byte           { return []byte(prefixZone + label) }
func entriesPrefix(label string) []byte     { return []byte(prefixEntries + label + "\x00") }
func entriesKey(label, owner string) []byte { return append(entriesPrefix(label), owner...) }

func recordKey(kind wire.RecordKind, id wire.RecordID) []byte {
	letter := "n"
	if kind == wire.RecordDenial {
		letter = "d"
	}
	return append([]byte(prefixRecord+letter), id[:]...)
}

// entries is what is stored of one owner name.
type entries struct {
	_    struct{} `cbor:",toarray"`
	List []stored
}

type stored struct {
	_    struct{} `cbor:",toarray"`
	TTL  uint32
	Type string
	Data string
}

// published is what is stored of a record.
type published struct {
	_          struct{} `cbor:",toarray"`
	Copy       naming.Digest
	Owner      []byte
	Print      [32]byte
	Serial     uint64
	Expiration uint32
	Gone       bool
	Bits       uint8
	Value      []byte
}

const publishedBytesMax = wire.NameRecordBytesMax + 1024

func (p *published) mark(kind wire.RecordKind) zone.Mark {
	return zone.Mark{Kind: kind, Owner: p.Owner, Print: p.Print, Serial: p.Serial, Expiration: p.Expiration, Gone: p.Gone, Bits: p.Bits}
}

// load reads the zones and the marks of what is published.
func (o *Owner) load() error {
	return o.store.View(func(r kv.Reader) error {
		err := r.Scan([]byte(prefixZone), []byte(prefixZone), false, func(key, value []byte) (bool, error) {
			z := new(Zone)
			if err := wire.Unmarshal(value, z, 64<<10); err != nil || z.Format != format || len(z.Keys) == 0 {
				return false, errs.New("open zone", string(key[len(prefixZone):]), errs.Damaged, errors.Join(err, errors.New("it is not what was written")))
			}
			o.zones[z.Label] = z
			return true, nil
		})
		if err != nil {
			return err
		}
		return r.Scan([]byte(prefixRecord), []byte(prefixRecord), false, o.loadMark)
	})
}

func (o *Owner) loadMark(key, value []byte) (bool, error) {
	kind, rest := wire.RecordName, key[len(prefixRecord):]
	if rest[0] == 'd' {
		kind = wire.RecordDenial
	}
	p := new(published)
	if err := wire.Unmarshal(value, p, publishedBytesMax); err != nil || len(rest) != 1+wire.HashSize {
		return false, errs.New("open zones", "", errs.Damaged, errors.Join(err, errors.New("a published record is not what was written")))
	}
	o.marksOf(p.Copy)[wire.RecordID(rest[1:])] = p.mark(kind)
	return true, nil
}

func (o *Owner) marksOf(copy naming.Digest) map[wire.RecordID]zone.Mark {
	if o.marks[copy] == nil {
		o.marks[copy] = map[wire.RecordID]zone.Mark{}
	}
	return o.marks[copy]
}

// saveZone stores a zone durably.
func (o *Owner) saveZone(z *Zone) error {
	err := o.store.Update(func(w kv.Writer) error { return w.Set(zoneKey(z.Label), wire.Marshal(z)) })
	if err == nil {
		err = o.store.Sync()
	}
	return errs.Wrap("save zone", z.Label, err)
}

func parseEntries(owner string, value []byte) (list []zone.Entry, err error) {
	var e entries
	if err := wire.Unmarshal(value, &e, ownerBytesMax); err != nil {
		return nil, errs.New("read zone", owner, errs.Damaged, err)
	}
	for _, s := range e.List {
		list = append(list, zone.Entry{Owner: owner, TTL: s.TTL, Type: s.Type, Data: s.Data})
	}
	return list, nil
}

func writeOwner(w kv.Writer, label, owner string, list []zone.Entry) error {
	if len(list) == 0 {
		return w.Delete(entriesKey(label, owner))
	}
	if len(list) > OwnerEntriesMax {
		return errs.Newf("change zone", owner, errs.Usage, "%d records, at most %d are allowed for one name", len(list), OwnerEntriesMax)
	}
	var e entries
	for _, x := range list {
		e.List = append(e.List, stored{TTL: x.TTL, Type: x.Type, Data: x.Data})
	}
	b := wire.Marshal(e)
	if len(b) > ownerBytesMax {
		return errs.Newf("change zone", owner, errs.Usage, "the records of one name have %d bytes, at most %d are allowed", len(b), ownerBytesMax)
	}
	return w.Set(entriesKey(label, owner), b)
}

// Entries returns all entries of a zone, by owner.
func (o *Owner) Entries(label string) (all []zone.Entry, err error) {
	if _, err := o.Zone(label); err != nil {
		return nil, err
	}
	prefix := entriesPrefix(label)
	err = o.store.View(func(r kv.Reader) error {
		return r.Scan(prefix, prefix, false, func(key, value []byte) (bool, error) {
			list, err := parseEntries(strings.Clone(string(key[len(prefix):])), value)
			all = append(all, list...)
			return err == nil, err
		})
	})
	return all, errs.Wrap("read zone", label, err)
}

// errNoZone is of kind NotFound.
func errNoZone(label string) error {
	err := errs.New("find zone", clip(label), errs.NotFound, fmt.Errorf("you have no zone of that label here"))
	return errs.Hint(err, "peerctl name zone create %s makes it; peerctl name ls lists yours", clip(label))
}
