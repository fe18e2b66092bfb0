package beehive

import "slices"

// Tally adds up the summaries of all peers along the digits: what stands at row
// r is the sum over all peers that share r digits with this one. Each peer asks
// its contacts of row r, now and then, for what stands at their row r+1, the
// deepest row first; after as many rounds as there are digits row 0 speaks of
// the whole network.
type Tally struct {
	own  Summary
	rows []Summary
}

// SetOwn sets what this peer's own records are.
func (t *Tally) SetOwn(s Summary) { t.own = s }

// At returns the sum at a row.
func (t *Tally) At(row int) *Summary {
	if row < len(t.rows) {
		return &t.rows[row]
	}
	return &t.own
}

// SetDepth says how many rows there are.
func (t *Tally) SetDepth(depth int) {
	for len(t.rows) < depth {
		t.rows = append(t.rows, t.own)
	}
	t.rows = t.rows[:depth]
}

// Set sets a row to what the next one holds and the contacts of the row say.
func (t *Tally) Set(row int, contacts *Summary) {
	sum := *t.At(row + 1)
	sum.Add(contacts)
	t.rows[row] = sum
}

const (
	// plausibleTimes is how many times the median of a row a contact may claim,
	// and plausibleMin what it may claim in any case: where few peers and records
	// lie, chance makes greater differences.
	plausibleTimes = 8
	plausibleMin   = 1000
)

// Total returns the sum over the contacts of a row, of which own is this peer's
// view of those below its own digit. Places are random, so that what lies below
// each of the digits is much the same: a contact that claims many times what is
// usual is lying, and counts as the usual.
func Total(own *Summary, contacts []*Summary) Summary {
	peers, records := []float64{float64(own.Peers)}, []float64{own.Records()}
	for _, c := range contacts {
		peers = append(peers, float64(c.Peers))
		records = append(records, c.Records())
	}
	slices.Sort(peers)
	slices.Sort(records)
	peersMax := max(plausibleMin, plausibleTimes*peers[len(peers)/2])
	recordsMax := max(plausibleMin, plausibleTimes*records[len(records)/2])
	var sum Summary
	for _, s := range contacts {
		if float64(s.Peers) > peersMax || s.Records() > recordsMax {
			s = own
		}
		sum.Add(s)
	}
	return sum
}
