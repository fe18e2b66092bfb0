package custodysim

import (
	"container/heap"

	"github.com/atollnet/atoll/objects/custody"
)

type kind uint8

// The kinds of events.
const (
	death    kind = iota // a peer dies
	mourned              // the silence of a dead one has lasted long enough
	leave                // a peer goes away
	overdue              // it has been away for long
	back                 // it returns
	repaired             // a repair ends
	again                // an extent is looked at that could not be repaired
	disaster             // many die at once
	sample               // a day is over
)

type event struct {
	day   float64
	kind  kind
	place int32 // or the extent of a repair
	of    uint32
	lost  []ref // of the dead
}

// events is a queue by time; it implements heap.Interface.
type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].day < e[j].day }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }

func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return x
}

func (w *world) at(day float64, e event) {
	e.day = day
	heap.Push(&w.events, e)
}

func (w *world) handle(e event) {
	switch e.kind {
	case death:
		if w.places[e.place].generation == e.of {
			w.die(e.place)
		}
	case mourned:
		w.mourn(e.lost)
	case leave, overdue, back:
		w.move(e)
	case repaired:
		w.finish(e.place)
	case again:
		w.repairing[e.place] = false
		w.judge(e.place)
	case disaster:
		for p := range w.places {
			if w.random.Float64() < w.FailPart {
				w.die(int32(p))
			}
		}
	case sample:
		w.result.sample(w)
		w.at(w.now+1, e)
	}
}

// die takes the shares of a peer along.
func (w *world) die(p int32) {
	lost := w.places[p].shares
	kept := lost[:0]
	for _, s := range lost {
		if h := w.of(s.extent); h[s.share] == p {
			h[s.share] = unknown
			w.there[s.extent]--
			kept = append(kept, s)
		}
	}
	w.settle(p, false)
	w.result.Deaths++
	for _, s := range kept {
		if int(w.there[s.extent]) < w.K && !w.gone[s.extent] {
			w.lose(s.extent)
		}
	}
	w.at(w.now+w.DeadAfterHours/hoursPerDay, event{kind: mourned, lost: kept})
}

// lose counts an extent of which too little is left.
func (w *world) lose(x int32) {
	w.result.Lost++
	w.gone[x] = true
	w.queue.Remove(x)
	if w.Renew {
		w.found(x)
	}
}

// mourn makes it known that shares are lost.
func (w *world) mourn(lost []ref) {
	for _, s := range lost {
		if h := w.of(s.extent); h[s.share] == unknown {
			h[s.share] = nowhere
			w.judge(s.extent)
		}
	}
}

// move lets a peer go away, count as lost, or return.
func (w *world) move(e event) {
	p := &w.places[e.place]
	if p.generation != e.of {
		return
	}
	switch e.kind {
	case leave:
		p.state = away
		p.absence++
		until := w.now + w.absence()
		if late := w.now + w.DeadAfterHours/hoursPerDay; late < until {
			w.at(late, event{kind: overdue, place: e.place, of: e.of})
		}
		w.at(until, event{kind: back, place: e.place, of: e.of})
	case overdue:
		p.state = lost
		w.judgeAll(e.place)
	case back:
		was := p.state
		p.state = up
		if was == lost { // what it has counts again
			w.judgeAll(e.place)
		}
		w.at(w.now+w.stay(false), event{kind: leave, place: e.place, of: e.of})
	}
}

// judgeAll judges every extent of which a peer has a share.
func (w *world) judgeAll(p int32) {
	for _, s := range w.places[p].shares {
		if w.of(s.extent)[s.share] == p {
			w.judge(s.extent)
		}
	}
}

// look fills in what a custodian believes of an extent's shares.
func (w *world) look(x int32) ([]custody.Standing, custody.Tally) {
	for i, p := range w.of(x) {
		switch {
		case p == unknown:
			w.live[i] = custody.Doubtful
		case p == nowhere || w.places[p].state == lost:
			w.live[i] = custody.Absent
		case w.places[p].state == away:
			w.live[i] = custody.Doubtful
		default:
			w.live[i] = custody.Live
		}
	}
	return w.live, custody.Count(w.live)
}

// judge has an extent repaired if that is due.
func (w *world) judge(x int32) {
	if w.repairing[x] || w.gone[x] {
		return
	}
	_, tally := w.look(x)
	v := custody.Judge(w.code, tally)
	if !v.IsDue(w.code, tally) {
		w.queue.Remove(x)
		if v.Class != custody.Rest {
			// Too few answer for now. A running custodian looks whenever a peer
			// returns; an hour is soon enough to be told apart by nobody.
			w.repairing[x] = true
			w.at(w.now+1./hoursPerDay, event{kind: again, place: x})
		}
		return
	}
	w.queue.Set(x, v)
	w.start()
}

// start begins as many repairs as are admitted, the most urgent first.
func (w *world) start() {
	for w.queue.Len() > 0 && w.admission.Admit(0) {
		x, _, _ := w.queue.Pop()
		w.repairing[x] = true
		takes := w.RepairHours / hoursPerDay
		if !w.RepairFixed {
			takes *= w.random.ExpFloat64()
		}
		w.at(w.now+takes, event{kind: repaired, place: x})
	}
}

// finish rebuilds what an extent lacks at the end of its repair.
func (w *world) finish(x int32) {
	w.admission.Done(0)
	w.repairing[x] = false
	shares, tally := w.look(x)
	v := custody.Judge(w.code, tally)
	if v.IsDue(w.code, tally) && !w.gone[x] {
		wanted := custody.Wanted(w.code, v, shares)
		for _, share := range wanted {
			w.bring(x, share)
		}
		w.result.Repairs++
		w.result.moved += float64(w.K + len(wanted))
	}
	w.judge(x)
	w.start()
}
