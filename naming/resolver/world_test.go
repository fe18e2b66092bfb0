package resolver

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
	"github.com/atollnet/atoll/naming/zone"
)

// world is a DHT in memory, a clock, and zones in it.
type world struct {
	t       testing.TB
	now     time.Time
	roots   []Root
	mu      sync.Mutex
	held    map[wire.RecordID][]byte
	asked   map[wire.RecordID]int
	hide    map[wire.RecordID]bool
	hook    func(wire.RecordID)
	cut     bool // nothing can be reached
	serials uint64

	resolvers []*Resolver
}

func newWorld(t testing.TB) *world {
	return &world{t: t, now: time.Unix(1_800_000_000, 0), held: map[wire.RecordID][]byte{}, asked: map[wire.RecordID]int{}, hide: map[wire.RecordID]bool{}}
}

func (w *world) Record(ctx context.Context, kind wire.RecordKind, id wire.RecordID) ([]byte, error) {
	w.mu.Lock()
	w.asked[id]++
	value, ok, hook, cut := w.held[id], !w.hide[id], w.hook, w.cut
	w.mu.Unlock()
	if hook != nil {
		hook(id)
	}
	if cut {
		return nil, context.DeadlineExceeded
	}
	if value == nil || !ok {
		return nil, ErrAbsent
	}
	return value, ctx.Err()
}

func (w *world) questions() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.asked {
		n += k
	}
	return n
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) resolver() *Resolver {
	r := New(Config{Records: w, Roots: func() []Root { return w.roots }, Key: wire.NewKey([32]byte{9, 9}), Now: w.clock})
	w.t.Cleanup(r.Close)
	w.resolvers = append(w.resolvers, r)
	return r
}

// authority is a zone and its owner.
type authority struct {
	*world
	seed    [32]byte
	origin  string
	label   string
	entries []zone.Entry
	marks   map[wire.RecordID]zone.Mark
}

func (w *world) zone(seed byte, origin string) *authority {
	a := &authority{world: w, seed: [32]byte{seed}, origin: origin}
	if origin == "" {
		a.origin = naming.SelfName(a.key())
	}
	return a
}

func (a *authority) key() wire.PublicKey { return wire.NewKey(a.seed).Public() }

func (a *authority) digest() naming.Digest { return naming.DigestOf(a.origin, a.key()) }

func (a *authority) set(owner, rtype, data string) {
	a.t.Helper()
	e, err := zone.NewEntry(owner, 300, rtype, data)
	if err != nil {
		a.t.Fatal(err)
	}
	a.entries = append(a.entries, e)
}

// delegate makes the zone say that another is below it.
func (a *authority) delegate(owner string, to *authority) {
	a.set(owner, "NS", naming.SelfName(to.key()))
	ds := naming.DS(to.origin, to.key())
	a.set(owner, "DS", strings.TrimPrefix(ds.String(), ds.Hdr.String()))
}

// publish puts the zone's records into the DHT and returns how many changed. What
// resolvers look up in the background has ended before: at one instant of the world's
// clock, what was seen before a change cannot be told from what was seen after it.
func (a *authority) publish() int {
	a.t.Helper()
	for _, r := range a.resolvers {
		r.tasks.Wait()
	}
	a.serials++
	s, err := zone.Cut(zone.Copy{Origin: a.origin, Key: a.key(), Label: a.label}, a.seed, a.entries, a.marks, a.serials, a.clock())
	if err != nil {
		a.t.Fatal(err)
	}
	a.marks = s.Marks
	for _, r := range s.Changed {
		if err := record.Check(r.Kind, r.ID, r.Value, a.clock()); err != nil {
			a.t.Fatalf("a record of one's own: %v", err)
		}
		a.mu.Lock()
		a.held[r.ID] = r.Value
		a.mu.Unlock()
	}
	return len(s.Changed)
}
