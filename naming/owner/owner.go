package owner

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/zone"
)

// Network is where records are put.
type Network interface {
	// PutRecord puts a record to the peers nearest to it and returns how many
	// confirmed.
	PutRecord(ctx context.Context, kind wire.RecordKind, id wire.RecordID, value []byte) (confirmed int, err error)
	// PutRecords is PutRecord for many records, at less cost for each. put is
	// told of each, by several goroutines. value is as for Sweep.
	PutRecords(ctx context.Context, records []Ref, value func(Ref) ([]byte, bool), put func(r Ref, confirmed int)) error
	// Sweep puts many records again, at a rate that nobody notices. value
	// returns a record, or false to leave it out; put is told how many peers
	// confirmed one.
	Sweep(ctx context.Context, records []Ref, value func(Ref) ([]byte, bool), put func(r Ref, confirmed int)) error
	// Others returns how many other peers are known and answer.
	Others() int
}

// Ref names a record.
type Ref struct {
	Kind wire.RecordKind
	ID   wire.RecordID
}

// Config says what an owner works with. All fields but Log are needed.
type Config struct {
	Store   kv.Store
	Network Network
	// Seed returns the seed of a zone's key: the same one each time.
	Seed func(label string, generation uint32) [32]byte
	Now  func() time.Time
	Log  *slog.Logger // nil: silent
}

// Owner is the zones of one user. Its methods are safe for concurrent use.
type Owner struct {
	config Config
	log    *slog.Logger
	store  kv.Store

	change sync.Mutex // held by whoever changes a zone or cuts records
	mu     sync.Mutex // guards what is below
	zones  map[string]*Zone
	marks  map[naming.Digest]map[wire.RecordID]zone.Mark
	told   map[wire.RecordID]told
	puts   time.Time // when all zones were last put again
	known  int       // how many peers there were then
}

// told is what is known of a record at other peers.
type told struct {
	confirmed int       // that had it when it was last put, or looked for
	at        time.Time // when it was last put
	seen      time.Time // when one was last seen to have it
}

// Open opens the zones in the store.
func Open(c Config) (*Owner, error) {
	o := &Owner{config: c, log: c.Log, store: c.Store, zones: map[string]*Zone{},
		marks: map[naming.Digest]map[wire.RecordID]zone.Mark{}, told: map[wire.RecordID]told{}}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	return o, errs.Wrap("open zones", "", o.load())
}

// Zone returns a zone as it is now. The error is of kind NotFound.
func (o *Owner) Zone(label string) (Zone, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	z := o.zones[label]
	if z == nil {
		return Zone{}, errNoZone(label)
	}
	return z.clone(), nil
}

func (z *Zone) clone() Zone {
	c := *z
	c.Keys, c.Origins = slices.Clone(z.Keys), slices.Clone(z.Origins)
	return c
}

// Zones returns all zones, by label.
func (o *Owner) Zones() (all []Zone) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, z := range o.zones {
		all = append(all, z.clone())
	}
	slices.SortFunc(all, func(a, b Zone) int { return cmp.Compare(a.Label, b.Label) })
	return all
}

// Roots returns the zones that this user trusts for a suffix because they are
// his own.
func (o *Owner) Roots() map[string][]naming.Digest {
	o.mu.Lock()
	defer o.mu.Unlock()
	roots := map[string][]naming.Digest{}
	for _, z := range o.zones {
		for _, at := range z.Origins {
			if !at.Root {
				continue
			}
			for _, k := range z.LiveKeys() {
				roots[at.Name] = append(roots[at.Name], naming.DigestOf(at.Name, k.Public))
			}
		}
	}
	return roots
}

// Create makes a zone. With a root suffix it is also published as that. A label
// that is taken is errs.Conflict.
func (o *Owner) Create(label, root string, open bool) (Zone, error) {
	if err := checkLabel(label); err != nil {
		return Zone{}, err
	}
	o.change.Lock()
	defer o.change.Unlock()
	if _, err := o.Zone(label); err == nil {
		return Zone{}, errs.New("create zone", label, errs.Conflict, errors.New("you have a zone of that label already"))
	}
	if len(o.Zones()) >= ZonesMax {
		return Zone{}, errs.Newf("create zone", label, errs.Full, "there are %d zones already", ZonesMax)
	}
	z := &Zone{Format: format, Label: label, Open: open, Created: o.config.Now().Unix()}
	z.Keys = []Key{{Generation: 0, Public: wire.NewKey(o.config.Seed(label, 0)).Public(), State: Live}}
	if root != "" {
		name, err := naming.Canonical(root)
		if err != nil {
			return Zone{}, errs.New("create zone", label, errs.Usage, err)
		}
		z.Origins = []Origin{{Name: name, Root: true}}
	}
	return z.clone(), o.setZone(z)
}

// setZone stores a changed zone. The caller holds change.
func (o *Owner) setZone(z *Zone) error {
	if err := o.saveZone(z); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.zones[z.Label] = z
	return nil
}

// AddOrigin has the zone published under one more name. It may be so already.
func (o *Owner) AddOrigin(label, name string) error {
	o.change.Lock()
	defer o.change.Unlock()
	z, err := o.Zone(label)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(z.Origins, func(at Origin) bool { return at.Name == name }) {
		return nil
	}
	if len(z.Origins) >= OriginsMax {
		return errs.Newf("add name to zone", label, errs.Full, "it has %d names already", OriginsMax)
	}
	z.Origins = append(z.Origins, Origin{Name: name})
	return o.setZone(&z)
}

// SetOpen says whether others may register names in the zone.
func (o *Owner) SetOpen(label string, open bool) error {
	o.change.Lock()
	defer o.change.Unlock()
	z, err := o.Zone(label)
	if err != nil {
		return err
	}
	z.Open = open
	return o.setZone(&z)
}

// Change is a change of the entries of one owner name.
type Change func(before []zone.Entry) (after []zone.Entry, err error)

// Edit changes the entries of one owner name. What could not be published
// together with the rest of the zone is refused, and nothing is changed.
func (o *Owner) Edit(label, owner string, change Change) error {
	return o.EditAll(label, map[string]Change{owner: change})
}

// EditAll is Edit for several owner names at once.
func (o *Owner) EditAll(label string, changes map[string]Change) error {
	o.change.Lock()
	defer o.change.Unlock()
	all, err := o.Entries(label)
	if err != nil {
		return err
	}
	byOwner := map[string][]zone.Entry{}
	for _, e := range all {
		byOwner[e.Owner] = append(byOwner[e.Owner], e)
	}
	for owner, change := range changes {
		after, err := change(byOwner[owner])
		if err != nil {
			return err
		}
		byOwner[owner] = after
	}
	var rest []zone.Entry
	for _, owner := range slices.Sorted(maps.Keys(byOwner)) {
		rest = append(rest, byOwner[owner]...)
	}
	if err := zone.Check(rest); err != nil {
		return errs.New("change zone", label, errs.Usage, err)
	}
	return o.writeOwners(label, byOwner, slices.Sorted(maps.Keys(changes)))
}

// ownersAtOnce is how many owner names are written in one update of the store,
// and ownersBytes how many bytes of them.
const (
	ownersAtOnce = 1000
	ownersBytes  = 512 << 10
)

func (o *Owner) writeOwners(label string, byOwner map[string][]zone.Entry, owners []string) error {
	for len(owners) > 0 {
		n, size := 0, 0
		for n < len(owners) && n < ownersAtOnce && (n == 0 || size < ownersBytes) {
			for _, e := range byOwner[owners[n]] {
				size += len(e.Data) + len(e.Type) + 16
			}
			size += len(owners[n]) + 64
			n++
		}
		err := o.store.Update(func(w kv.Writer) error {
			for _, owner := range owners[:n] {
				if err := writeOwner(w, label, owner, byOwner[owner]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return errs.Wrap("change zone", label, err)
		}
		owners = owners[n:]
	}
	return errs.Wrap("change zone", label, o.store.Sync())
}

// Find returns the zone that a name lies in, and the owner in it: by the zone's
// label as the last one ("www.photos"), or by a name that the zone is published
// under.
func (o *Owner) Find(name string) (label, owner string, err error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" {
		return "", "", errs.New("find zone", "", errs.Usage, errors.New("no name given"))
	}
	zones := o.Zones()
	best := 0
	for _, z := range zones {
		names := []string{strings.TrimSuffix(z.Self(), ".")}
		for _, at := range z.Origins {
			names = append(names, strings.TrimSuffix(at.Name, "."))
		}
		for _, at := range append(names, z.Label) {
			if rest, ok := below(name, at); ok && len(at) > best {
				best, label, owner = len(at), z.Label, rest
			}
		}
	}
	if best == 0 {
		last := name[strings.LastIndexByte(name, '.')+1:]
		return "", "", errNoZone(last)
	}
	return label, owner, nil
}

func below(name, at string) (owner string, ok bool) {
	if name == at {
		return zone.Apex, true
	}
	return strings.CutSuffix(name, "."+at)
}

// Lookup returns a record that this user has published, as he published it last.
func (o *Owner) Lookup(kind wire.RecordKind, id wire.RecordID) (value []byte, ok bool) {
	err := o.store.View(func(r kv.Reader) error {
		return r.Get(recordKey(kind, id), func(b []byte) error {
			var p published
			if err := wire.Unmarshal(b, &p, publishedBytesMax); err != nil {
				return err
			}
			value = bytes.Clone(p.Value)
			return nil
		})
	})
	return value, err == nil
}
