package bft

import "github.com/atollnet/atoll/internal/wire"

// Limits of what waits to be ordered, for one object.
const (
	// PendingMax is the most updates that wait and came from this member's own
	// users.
	PendingMax = 1024
	// PendingPerMemberMax is the most updates that wait and came from one other
	// member, so that none can crowd out the rest.
	PendingPerMemberMax = 256
	// recentMax is how many ordered requests are remembered, so that a copy
	// that comes late is not ordered again: two full batches.
	recentMax = 2 * wire.BatchUpdatesMax
)

// request is an update that waits.
type request struct {
	id     wire.Hash
	update []byte
	order  uint64 // of arrival
	sent   bool   // to the present leader
}

// queue holds the updates that wait, in a line for each member that they came
// from. Batches take from the lines in turn, so a member that floods delays
// itself alone.
type queue struct {
	lines   [][]*request      // by source, in order of arrival
	byID    map[wire.Hash]int // the source of each that waits
	arrived uint64
	turn    int
	recent  []wire.Hash // ordered of late, a ring of recentMax
	at      int         // its oldest, once it is full
	ordered map[wire.Hash]bool
}

func newQueue(members int) *queue {
	return &queue{
		lines: make([][]*request, members), byID: make(map[wire.Hash]int),
		ordered: make(map[wire.Hash]bool),
	}
}

// add puts an update at the end of its source's line; false if there is no room.
// An update that waits already is not added again.
func (q *queue) add(source int, update []byte, max int) bool {
	id := RequestID(update)
	if _, waits := q.byID[id]; waits {
		return true
	}
	if len(q.lines[source]) >= max {
		return false
	}
	q.arrived++
	q.byID[id] = source
	q.lines[source] = append(q.lines[source], &request{id: id, update: update, order: q.arrived})
	return true
}

// wasOrdered reports whether an update was ordered of late.
func (q *queue) wasOrdered(update []byte) bool { return q.ordered[RequestID(update)] }

func (q *queue) empty() bool { return len(q.byID) == 0 }

func (q *queue) waits(id wire.Hash) bool {
	_, waits := q.byID[id]
	return waits
}

// remove takes updates out that have been ordered or given up.
func (q *queue) remove(ids []wire.Hash) {
	gone := make(map[wire.Hash]bool, len(ids))
	touched := make([]bool, len(q.lines))
	for _, id := range ids {
		if source, waits := q.byID[id]; waits {
			delete(q.byID, id)
			gone[id], touched[source] = true, true
		}
	}
	for source, line := range q.lines {
		if !touched[source] {
			continue
		}
		kept := make([]*request, 0, len(line))
		for _, r := range line {
			if !gone[r.id] {
				kept = append(kept, r)
			}
		}
		q.lines[source] = kept
	}
}

// remember notes updates as ordered.
func (q *queue) remember(ids []wire.Hash) {
	for _, id := range ids {
		if len(q.recent) < recentMax {
			q.recent = append(q.recent, id)
		} else {
			delete(q.ordered, q.recent[q.at])
			q.recent[q.at] = id
			q.at = (q.at + 1) % recentMax
		}
		q.ordered[id] = true
	}
}

// batch returns the next updates to order, one from each line in turn, within
// the limits of a batch.
func (q *queue) batch() (updates [][]byte) {
	bytes := 0
	taken := make([]int, len(q.lines))
	for blocked := 0; blocked < len(q.lines) && len(updates) < wire.BatchUpdatesMax; {
		source := q.turn
		q.turn = (q.turn + 1) % len(q.lines)
		if taken[source] == len(q.lines[source]) {
			blocked++
			continue
		}
		u := q.lines[source][taken[source]].update
		if bytes+len(u) > wire.BatchBytesMax {
			blocked++
			continue
		}
		blocked = 0
		taken[source]++
		bytes += len(u)
		updates = append(updates, u)
	}
	return updates
}

// oldest returns the updates that have waited longest, at most count and the
// bytes of one batch.
func (q *queue) oldest(count int) (found []*request) {
	taken := make([]int, len(q.lines))
	bytes := 0
	for len(found) < count {
		first := -1
		for source, line := range q.lines {
			if taken[source] < len(line) && (first < 0 || line[taken[source]].order < q.lines[first][taken[first]].order) {
				first = source
			}
		}
		if first < 0 {
			break
		}
		r := q.lines[first][taken[first]]
		if bytes += len(r.update); bytes > wire.BatchBytesMax && len(found) > 0 {
			break
		}
		taken[first]++
		found = append(found, r)
	}
	return found
}

// unsent returns, and marks as sent, those among the first max of a line that
// the present leader has not been sent.
func (q *queue) unsent(source, max int) (found []*request) {
	line := q.lines[source]
	for _, r := range line[:min(len(line), max)] {
		if !r.sent {
			r.sent = true
			found = append(found, r)
		}
	}
	return found
}

// forget marks a line as unsent: there is another leader.
func (q *queue) forget(source int) {
	for _, r := range q.lines[source] {
		r.sent = false
	}
}

// requestIDs returns the names of updates.
func requestIDs(updates [][]byte) []wire.Hash {
	ids := make([]wire.Hash, len(updates))
	for i, u := range updates {
		ids[i] = RequestID(u)
	}
	return ids
}
