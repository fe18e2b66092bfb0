package keeper

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

// crowd is a sea with many objects beside the one that has an extent.
type crowd struct {
	*sea
	ids     []wire.ObjectID // guarded by mu, as what follows
	changed []wire.ObjectID
	gone    map[wire.ObjectID]bool
	fails   map[wire.ObjectID]int // how often it cannot be looked at
	asked   map[wire.ObjectID]int
}

// newCrowd returns a crowd, and a custodian of it.
func newCrowd(t *testing.T, objects int) (*crowd, *Keeper) {
	c := &crowd{sea: newSea(t, 20), gone: make(map[wire.ObjectID]bool), fails: make(map[wire.ObjectID]int), asked: make(map[wire.ObjectID]int)}
	for i := range objects {
		var id wire.ObjectID
		binary.BigEndian.PutUint64(id[8:], uint64(i+1))
		c.ids = append(c.ids, id)
	}
	c.ids = append(c.ids, wire.ObjectID{7})
	k := c.keeper()
	k.Objects = c
	return c, k
}

func (c *crowd) Objects() ([]wire.ObjectID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ids), nil
}

func (c *crowd) Changed() []wire.ObjectID {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := c.changed
	c.changed = nil
	return changed
}

func (c *crowd) State(ctx context.Context, id wire.ObjectID) (State, error) {
	c.mu.Lock()
	c.asked[id]++
	gone, fails := c.gone[id], c.fails[id] > 0
	c.fails[id]--
	c.mu.Unlock()
	switch {
	case gone:
		return State{}, ErrNotKept
	case fails:
		return State{}, errors.New("the disk does not answer")
	case id == wire.ObjectID{7}:
		return c.sea.State(ctx, id)
	}
	return State{Mark: "empty", Extents: func(context.Context, func(Extent) error) error { return nil }}, nil
}

// change says that objects have changed, after something was done to the crowd.
func (c *crowd) change(do func(), ids ...wire.ObjectID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
	c.changed = append(c.changed, ids...)
}

// most returns how often the object was asked for that was asked for most.
func (c *crowd) most() (most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.asked {
		most = max(most, n)
	}
	return most
}

func (k *Keeper) holds() (objects, extents int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.objects), len(k.extents)
}

// Many objects that do nothing are looked at once an hour, and take no memory.
func TestIdleObjectsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, k := newCrowd(t, 10_000)
		c.runs(k, func() {
			after(50 * time.Minute)
			if most := c.most(); most > 2 { // at the start, and in the round
				t.Errorf("an object was looked at %d times in 50 minutes", most)
			}
			after(3 * time.Hour)
			if most := c.most(); most > 6 {
				t.Errorf("an object was looked at %d times in four hours", most)
			}
			if objects, extents := k.holds(); objects != 1 || extents != 1 {
				t.Errorf("%d objects and %d extents are held, of one each", objects, extents)
			}
		})
	})
}

// What has changed is looked at in the next tick, and again if it could not be;
// what changed unsaid, within the hour.
func TestChangedObjectsAreLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, k := newCrowd(t, 100)
		c.runs(k, func() {
			tick := k.tick()
			after(tick / 2)
			steps := []struct {
				what    string
				do      func()
				said    []wire.ObjectID
				wait    time.Duration
				extents int
			}{
				{"an extent is released", func() { c.listed = false }, []wire.ObjectID{{7}}, tick, 0},
				{"it is back, and the disk fails", func() { c.listed, c.fails[wire.ObjectID{7}] = true, 2 }, []wire.ObjectID{{7}}, 2 * tick, 0},
				{"the disk answers", func() {}, nil, tick, 1},
				{"the ring has changed", func() { c.gone[wire.ObjectID{7}] = true }, []wire.ObjectID{{7}}, tick, 0},
				{"nobody says that it is back", func() { delete(c.gone, wire.ObjectID{7}) }, nil, roundTime + 2*tick, 1},
				{"nor that it is gone", func() { c.ids = c.ids[:100] }, nil, roundTime + 2*tick, 0},
			}
			for _, s := range steps {
				c.change(s.do, s.said...)
				after(s.wait)
				objects, extents := k.holds()
				if extents != s.extents || objects != s.extents {
					t.Errorf("%s: %d extents of %d objects are held, want %d", s.what, extents, objects, s.extents)
				}
			}
		})
	})
}
