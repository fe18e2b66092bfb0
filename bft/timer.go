package bft

import (
	"slices"

	"github.com/atollnet/atoll/internal/wire"
)

// timer runs while work waits, in two halves: after the first the others are
// told again what this member said and lacks, after the second the leader is
// suspected.
type timer struct {
	token  uint64
	on     bool // it counts
	armed  bool // the host's runs
	second bool
}

// roundTripsPerTimer is how many round trips a timer lasts at the least: a
// request that is passed on, a proposal and two rounds of votes are two, and the
// half after which all is said again must hold them twice, as it may all be lost
// once.
const roundTripsPerTimer = 8

// RoundTrips says how far away the host finds the other members, in
// milliseconds by index; 0: it is not known, or this member itself. Timers that
// start from here on go by it; those that run are left alone. Another number of
// figures than the ring has members is ignored.
type RoundTrips struct{ Milli []uint32 }

// measured takes the round trip to the nearest members that make a quorum: what
// a version takes at the best. There are 2f+1 honest members, so f that answer
// as late as they like cannot make it longer than the way to some honest one.
func (r *Replica) measured(in RoundTrips) {
	if len(in.Milli) != len(r.ring.Members) {
		return
	}
	milli := slices.Clone(in.Milli)
	milli[r.self] = 0
	slices.Sort(milli)
	r.quorumMilli = milli[r.ring.Quorum()-1]
}

// fullMilli is how long a timer runs, both halves, in a view that follows on so
// many that failed.
func (r *Replica) fullMilli() uint64 {
	shortest := max(uint64(r.base), roundTripsPerTimer*uint64(r.quorumMilli))
	return min(shortest<<min(r.failed, 16), timeoutMilliMax)
}

// waiting reports whether anything is to be done that needs the others.
func (r *Replica) waiting() bool { return r.waitingForLeader() || r.behind() }

// waitingForLeader reports whether there is work that an honest leader would
// have brought to its end.
func (r *Replica) waitingForLeader() bool {
	return !r.queue.empty() || r.state.Accepted != nil || r.state.Prepared != nil || r.state.Changing || r.suspected
}

// behind reports whether the others are known to be ahead: a version is
// certified, or at least one honest member has voted on one.
func (r *Replica) behind() bool {
	return r.decided != nil || r.target > r.head.version || r.votes.voters() > r.ring.Faults()
}

// setTimer starts the timer when something waits and stops it when nothing
// does: an idle object has none. A ring of one waits for nobody.
func (r *Replica) setTimer() {
	waiting := len(r.ring.Members) > 1 && r.fault == nil && !r.over && r.waiting()
	switch {
	case waiting && !r.timer.on:
		r.watched = wire.Hash{}
		if oldest := r.queue.oldest(1); len(oldest) > 0 {
			r.watched = oldest[0].id
		}
		r.startTimer(false)
	case !waiting:
		r.timer.on = false
		if r.timer.armed {
			r.timer.armed = false
			r.out.Timer = &Timer{Token: r.timer.token}
		}
	}
}

func (r *Replica) startTimer(second bool) {
	r.timer = timer{token: r.timer.token + 1, on: true, armed: true, second: second}
	r.out.Timer = &Timer{Token: r.timer.token, AfterMilli: uint32(max(r.fullMilli()/2, 1))}
}

// timeout tries again what may have been lost, and in the end the leader.
func (r *Replica) timeout(token uint64) {
	if !r.timer.on || token != r.timer.token {
		return
	}
	second := r.timer.second
	r.startTimer(!second)
	r.asked = Fetch{}
	r.askAnother()
	if r.run.phase == failed {
		r.run.phase = idle
	}
	if second && r.waitingForLeader() {
		r.insists = r.suspected && !r.behind()
		r.suspectLeader()
	}
	r.tellAll()
	r.countSuspects()
	r.catchUp()
}

// content takes back this member's own suspicion, as what it waited for has
// come, and lets the timer start anew for what waits next.
func (r *Replica) content() {
	r.suspected, r.insists = false, false
	r.suspects[r.self] = 0
	r.timer.on = false
}
