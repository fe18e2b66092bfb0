package owner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
	"github.com/atollnet/atoll/naming/zone"
)

// network is a DHT in memory that counts.
type network struct {
	mu        sync.Mutex
	held      map[wire.RecordID][]byte
	puts      int
	sweeps    int
	many      int
	others    int
	confirmed int
}

func (n *network) PutRecord(_ context.Context, kind wire.RecordKind, id wire.RecordID, value []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.puts++
	if old := n.held[id]; old != nil {
		before, _, _ := record.Stamp(kind, old)
		if now, _, err := record.Stamp(kind, value); err != nil || now < before {
			return 0, errors.New("older than what is held")
		}
	}
	n.held[id] = value
	return n.confirmed, nil
}

func (n *network) Sweep(ctx context.Context, refs []Ref, value func(Ref) ([]byte, bool), put func(Ref, int)) error {
	n.mu.Lock()
	n.sweeps++
	n.mu.Unlock()
	return n.putAll(ctx, refs, value, put)
}

func (n *network) PutRecords(ctx context.Context, refs []Ref, value func(Ref) ([]byte, bool), put func(Ref, int)) error {
	n.mu.Lock()
	n.many++
	n.mu.Unlock()
	return n.putAll(ctx, refs, value, put)
}

func (n *network) putAll(ctx context.Context, refs []Ref, value func(Ref) ([]byte, bool), put func(Ref, int)) error {
	for _, r := range refs {
		if v, ok := value(r); ok {
			confirmed, err := n.PutRecord(ctx, r.Kind, r.ID, v)
			if err != nil {
				return err
			}
			put(r, confirmed)
		}
	}
	return nil
}

func (n *network) Others() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.others
}

func seedOf(label string, generation uint32) [32]byte {
	return wire.Derive("atoll/v1/zone-key", []byte(label), wire.Uint64(uint64(generation)))
}

func open(t *testing.T, store kv.Store, n *network) *Owner {
	t.Helper()
	o, err := Open(Config{Store: store, Network: n, Seed: seedOf, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func newOwner(t *testing.T) (*Owner, *network, kv.Store) {
	n := &network{held: map[wire.RecordID][]byte{}, others: 30, confirmed: 20}
	store := kvtest.NewMemory()
	return open(t, store, n), n, store
}

func create(t *testing.T, o *Owner, label, root string) Zone {
	t.Helper()
	z, err := o.Create(label, root, false)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func set(t *testing.T, o *Owner, label, owner, rtype, data string) {
	t.Helper()
	e, err := zone.NewEntry(owner, 300, rtype, data)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Edit(label, owner, func(before []zone.Entry) ([]zone.Entry, error) { return append(before, e), nil }); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, o *Owner, label string) Result {
	t.Helper()
	r, err := o.Publish(t.Context(), label, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLabels(t *testing.T) {
	o, _, _ := newOwner(t)
	for label, ok := range map[string]bool{"a": true, "photos-2": true, "": false, "a.b": false, "-a": false, "A": false, "ä": false} {
		if _, err := o.Create(label, "", false); (err == nil) != ok {
			t.Errorf("%q: %v", label, err)
		}
	}
	if _, err := o.Create("a", "", false); errs.KindOf(err) != errs.Conflict {
		t.Errorf("the same label again: %v", err)
	}
	if _, err := o.Zone("none"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a zone that is not there: %v", err)
	}
}

func TestFind(t *testing.T) {
	o, _, _ := newOwner(t)
	z := create(t, o, "photos", "pics.test.")
	self := z.Self()
	for name, want := range map[string]string{
		"photos": "photos @", "www.photos": "photos www", "a.B.photos.": "photos a.b", "www." + self: "photos www",
		"pics.test": "photos @", "x.pics.test.": "photos x", "photos.test": "", "www": "", "": "",
	} {
		label, owner, err := o.Find(name)
		got := label + " " + owner
		if err != nil {
			got = ""
		}
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// A serial is used once, whatever crashes: it is on disk before a record that
// has it leaves.
func TestSerialsOnlyGrow(t *testing.T) {
	o, n, store := newOwner(t)
	create(t, o, "z", "")
	set(t, o, "z", "www", "A", "192.0.2.1")
	last := uint64(0)
	for range 3 {
		r := publish(t, o, "z")
		if r.Serial <= last || r.Confirmed != 20 {
			t.Errorf("%+v after serial %d", r, last)
		}
		last = r.Serial
		o = open(t, store, n)
	}
	// A publication that ends after its serial was written, and before anything
	// was put.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = o.Publish(ctx, "z", 0, nil)
	o = open(t, store, n)
	if r := publish(t, o, "z"); r.Serial <= last {
		t.Errorf("serial %d again", r.Serial)
	}
}

func TestRefusedChangesChangeNothing(t *testing.T) {
	o, _, _ := newOwner(t)
	create(t, o, "z", "")
	set(t, o, "z", "www", "A", "192.0.2.1")
	before, err := o.Entries("z")
	if err != nil {
		t.Fatal(err)
	}
	alias := zone.Entry{Owner: "www", TTL: 300, Type: "CNAME", Data: "other"}
	for what, change := range map[string]Change{
		"a CNAME beside an address": func(before []zone.Entry) ([]zone.Entry, error) { return append(before, alias), nil },
		"a change that fails":       func([]zone.Entry) ([]zone.Entry, error) { return nil, errors.New("no") },
		"too many records": func([]zone.Entry) (all []zone.Entry, err error) {
			for i := range OwnerEntriesMax + 1 {
				all = append(all, zone.Entry{Owner: "www", TTL: 300, Type: "TXT", Data: fmt.Sprintf("%q", fmt.Sprint(i))})
			}
			return all, nil
		},
	} {
		if err := o.Edit("z", "www", change); err == nil {
			t.Errorf("%s is accepted", what)
		}
		if after, err := o.Entries("z"); err != nil || !slices.Equal(before, after) {
			t.Errorf("%s: %v, %v", what, after, err)
		}
	}
}

func TestTooFewConfirmations(t *testing.T) {
	o, n, _ := newOwner(t)
	create(t, o, "z", "")
	n.confirmed = 3
	if _, err := o.Publish(t.Context(), "z", 0, nil); errs.KindOf(err) != errs.TooFew {
		t.Errorf("3 of 20: %v", err)
	}
	set(t, o, "z", "www", "A", "192.0.2.1")
	if r, err := o.Publish(t.Context(), "z", 3, nil); err != nil || r.Confirmed != 3 {
		t.Errorf("3 were asked for: %+v, %v", r, err)
	}
	n.others = 0
	n.confirmed = 0
	if _, err := o.Publish(t.Context(), "z", 0, nil); err != nil {
		t.Errorf("alone: %v", err)
	}
}

// A large zone is published by sweeps over the key space; a change of one name
// is not.
func TestManyNamesArePutTogether(t *testing.T) {
	o, n, _ := newOwner(t)
	create(t, o, "photos", "")
	changes := map[string]Change{}
	for i := range 3 * manyMin {
		at := fmt.Sprintf("h%d", i)
		changes[at] = func([]zone.Entry) ([]zone.Entry, error) {
			e, err := zone.NewEntry(at, 300, "A", "192.0.2.7")
			return []zone.Entry{e}, err
		}
	}
	if err := o.EditAll("photos", changes); err != nil {
		t.Fatal(err)
	}
	total := 0
	r, err := o.Publish(t.Context(), "photos", 20, func(done, of int) { total = max(total, done) })
	if err != nil || r.Confirmed != 20 || r.Records < 3*manyMin || total != r.Records || len(n.held) != r.Records {
		t.Fatalf("published %+v, %d told, %d held: %v", r, total, len(n.held), err)
	}
	if n.many != 1 {
		t.Errorf("%d sweeps", n.many)
	}
	set(t, o, "photos", "h7", "A", "192.0.2.8")
	if publish(t, o, "photos"); n.many != 1 {
		t.Error("the change of one name is a sweep")
	}
	for _, s := range o.Status("photos") {
		if s.Confirmed != 20 {
			t.Errorf("%s is at %d peers", s.Name, s.Confirmed)
		}
	}
}

func TestKeysAreRolledAndRetired(t *testing.T) {
	o, n, _ := newOwner(t)
	z := create(t, o, "z", "test.")
	set(t, o, "z", "www", "A", "192.0.2.1")
	publish(t, o, "z")
	first := z.Keys[0].Public
	if err := o.Roll("z"); err != nil {
		t.Fatal(err)
	}
	if err := o.Roll("z"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a third key: %v", err)
	}
	publish(t, o, "z")
	rolled, err := o.Zone("z")
	if err != nil {
		t.Fatal(err)
	}
	second := rolled.Keys[1].Public
	for _, key := range []wire.PublicKey{first, second} {
		if n.held[naming.NameID(naming.DigestOf("test.", key), []byte("\x03www\x04test\x00"))] == nil {
			t.Error("www.test is not published under one of the keys")
		}
	}
	if rolled.Self() != z.Self() || len(o.Roots()["test."]) != 2 {
		t.Errorf("the zone's own name is %s, its roots %v", rolled.Self(), o.Roots())
	}
	if err := o.Retire("z"); err != nil {
		t.Fatal(err)
	}
	if roots := o.Roots()["test."]; len(roots) != 1 || roots[0] != naming.DigestOf("test.", second) {
		t.Errorf("after the old key: %v", roots)
	}
	if err := o.Retire("z"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("the last key: %v", err)
	}
}

func TestImport(t *testing.T) {
	o, _, _ := newOwner(t)
	create(t, o, "z", "")
	set(t, o, "z", "www", "A", "192.0.2.1")
	set(t, o, "z", "www", "TXT", `"stays"`)
	fresh := []zone.Entry{{Owner: "www", TTL: 60, Type: "A", Data: "192.0.2.2"}, {Owner: "new", TTL: 60, Type: "A", Data: "192.0.2.3"}}
	for _, c := range []struct {
		replace bool
		want    int
	}{{false, 3}, {true, 2}} {
		if err := o.Import("z", fresh, c.replace); err != nil {
			t.Fatal(err)
		}
		if all, err := o.Entries("z"); err != nil || len(all) != c.want {
			t.Errorf("replace %t: %v, %v", c.replace, all, err)
		}
	}
}

// In the background zones are put again when time has passed or the network has
// grown, and signed again before their signatures end.
func TestZonesStayPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, n, _ := newOwner(t)
		create(t, o, "z", "")
		set(t, o, "z", "www", "A", "192.0.2.1")
		publish(t, o, "z")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go o.Run(ctx)
		pass := func(d time.Duration) (sweeps int) {
			n.mu.Lock()
			before := n.sweeps
			n.mu.Unlock()
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
			synctest.Wait()
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.sweeps - before
		}
		if got := pass(time.Minute); got != 1 {
			t.Errorf("after the start: %d sweeps", got)
		}
		if got := pass(time.Hour); got != 0 {
			t.Errorf("nothing happened: %d sweeps", got)
		}
		n.mu.Lock()
		n.others *= 2
		n.mu.Unlock()
		if got := pass(time.Minute); got != 1 {
			t.Errorf("the network has doubled: %d sweeps", got)
		}
		pass(40 * 24 * time.Hour)
		n.mu.Lock()
		held := maps.Clone(n.held)
		n.mu.Unlock()
		for _, v := range held {
			if p, err := record.ParseName(v); err == nil && p.Zone.ValidAt(time.Now().Add(14*24*time.Hour)) != nil {
				t.Error("after forty days a signature ends within two weeks")
			}
		}
	})
}
