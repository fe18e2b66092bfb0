package custodysim

import (
	"container/heap"
	"context"
	"math"
	"math/rand/v2"

	"github.com/atollnet/atoll/objects/custody"
)

// A share lies at a peer's place, or nowhere.
const (
	nowhere = -1 // known to be lost
	unknown = -2 // lost with its peer, whose silence has not lasted long enough
)

// States of a place.
const (
	up = iota
	away
	lost // away for so long that its shares do not count
)

// place is where a peer lives; when it dies another takes it.
type place struct {
	state      uint8
	generation uint32 // how many have lived here
	absence    uint32 // how often one has been away
	shares     []ref  // that were brought here; some may have been replaced since
}

// ref is a share of an extent.
type ref struct {
	extent int32
	share  int8
}

// world is a run.
type world struct {
	Config
	code   custody.Code
	random *rand.Rand
	now    float64 // days
	events events

	places    []place
	holders   []int32 // extent × N
	there     []int8  // shares that exist, by extent
	repairing []bool
	gone      []bool // lost for good
	queue     custody.Queue[int32]
	admission custody.Admission

	result Result
	live   []custody.Standing // of one extent, while it is looked at
}

// Run simulates until the years are over or the context ends.
func Run(ctx context.Context, c Config) (Result, error) {
	if err := c.validate(); err != nil {
		return Result{}, err
	}
	w := newWorld(c)
	end := c.Years * daysPerYear
	w.at(0, event{kind: sample})
	if c.FailDay > 0 {
		w.at(c.FailDay, event{kind: disaster})
	}
	for w.events.Len() > 0 {
		e := heap.Pop(&w.events).(event)
		if e.day > end {
			break
		}
		w.now = e.day
		if e.kind == sample {
			if ctx.Err() != nil {
				return w.result, context.Cause(ctx)
			}
		}
		w.handle(e)
	}
	w.now = end
	w.result.finish(w)
	return w.result, nil
}

const daysPerYear = 365.25

func newWorld(c Config) *world {
	w := &world{
		Config: c, code: custody.Code{K: c.K, N: c.N, Threshold: c.Threshold},
		random: rand.New(rand.NewPCG(c.Seed, 0xa7011)),
		places: make([]place, c.Peers), holders: make([]int32, c.Extents*c.N), there: make([]int8, c.Extents),
		repairing: make([]bool, c.Extents), gone: make([]bool, c.Extents), live: make([]custody.Standing, c.N),
		admission: custody.Admission{JobsMax: c.RepairsMax, BytesMax: math.MaxInt64},
	}
	if w.RepairsMax == 0 {
		w.admission.JobsMax = math.MaxInt
	}
	for i := range w.places {
		w.settle(int32(i), true)
	}
	for x := range w.there {
		w.found(int32(x))
	}
	return w
}

// settle lets a new peer live at a place. The first ones have lived for a while.
func (w *world) settle(p int32, first bool) {
	at := &w.places[p]
	at.generation++
	at.state, at.shares = up, nil
	life := w.Lifetime.draw(w.random, w.LifetimeDays)
	if first && w.Lifetime != Exponential {
		life *= w.random.Float64()
	}
	w.at(w.now+life, event{kind: death, place: p, of: at.generation})
	if w.Availability < 1 {
		w.at(w.now+w.stay(first), event{kind: leave, place: p, of: at.generation})
	}
}

// stay and absence are how long a peer is up and away, in days.
func (w *world) stay(first bool) float64 {
	mean := w.AwayHours / hoursPerDay * w.Availability / (1 - w.Availability)
	if w.Diurnal {
		mean = 1 - w.AwayHours/hoursPerDay
		if first {
			return w.random.Float64()
		}
		return mean
	}
	return mean * w.random.ExpFloat64()
}

func (w *world) absence() float64 {
	if w.Diurnal {
		return w.AwayHours / hoursPerDay
	}
	return w.AwayHours / hoursPerDay * w.random.ExpFloat64()
}

const hoursPerDay = 24

// found stores an extent on peers that are drawn.
func (w *world) found(x int32) {
	h := w.of(x)
	for i := range h {
		h[i] = nowhere
	}
	w.gone[x], w.there[x] = false, 0
	for i := range h {
		w.bring(x, i)
	}
}

// of returns the holders of an extent.
func (w *world) of(x int32) []int32 { return w.holders[int(x)*w.N : int(x+1)*w.N] }

// bring brings a share to a peer that is up and has none of this extent.
func (w *world) bring(x int32, share int) {
	h := w.of(x)
	for range 100 {
		p := int32(w.random.IntN(len(w.places)))
		if w.places[p].state != up || holds(h, p) {
			continue
		}
		if h[share] < 0 {
			w.there[x]++
		}
		h[share] = p
		w.places[p].shares = append(w.places[p].shares, ref{x, int8(share)})
		return
	}
}

func holds(h []int32, p int32) bool {
	for _, q := range h {
		if p == q {
			return true
		}
	}
	return false
}
