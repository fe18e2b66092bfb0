package beehive

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
