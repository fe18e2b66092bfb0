package beehive

import "slices"

// home is what a peer knows of a record that it is home to: nearer to it than
// any other peer.
type home[K comparable] struct {
	key      K
	estimate estimate
	count    float64 // in this interval so far
	level    Level
}

// Homes holds the popularity of the records that a peer is home to, and the
// level at which each lies now.
type Homes[K comparable] struct {
	max   int
	index map[K]int
	homes []home[K]
}

// NewHomes returns Homes of at most max records that are asked for; of more,
// those asked for least are treated as if nobody did.
func NewHomes[K comparable](max int) *Homes[K] {
	return &Homes[K]{max: max, index: map[K]int{}}
}

// Count adds queries for a record.
func (h *Homes[K]) Count(key K, n uint32) {
	i, ok := h.index[key]
	if !ok {
		if len(h.homes) >= h.max {
			return // until the end of the interval makes room
		}
		i = len(h.homes)
		h.index[key] = i
		h.homes = append(h.homes, home[K]{key: key, level: AtHome})
	}
	h.homes[i].count += float64(n)
}

// EndInterval takes the counts of an interval into the estimates, and returns
// how popular the records are: those counted, and the rest of all that lie
// here and are not asked for.
func (h *Homes[K]) EndInterval(all int) Summary {
	s, asked := Summary{Peers: 1}, 0
	kept := h.homes[:0]
	for _, r := range h.homes {
		r.estimate.update(r.count)
		r.count = 0
		if rate := r.estimate.rate(); rate > 0 {
			s.Asked[bucketOf(rate)]++
			asked++
		} else if r.level == AtHome {
			continue
		}
		kept = append(kept, r)
	}
	s.Unasked = uint64(max(0, all-asked))
	h.homes = kept
	h.shrink()
	return s
}

// shrink leaves a quarter of the room free for records that become popular.
func (h *Homes[K]) shrink() {
	if room := h.max - h.max/4; len(h.homes) > room {
		slices.SortStableFunc(h.homes, func(a, b home[K]) int {
			switch {
			case a.keep() > b.keep():
				return -1
			case a.keep() < b.keep():
				return 1
			}
			return 0
		})
		i := room
		for i < len(h.homes) && h.homes[i].level != AtHome {
			i++ // its copies must be withdrawn first
		}
		h.homes = h.homes[:i]
	}
	clear(h.index)
	for i, r := range h.homes {
		h.index[r.key] = i
	}
}

// keep ranks records for their place in the table.
func (h *home[K]) keep() float64 {
	if h.level != AtHome {
		return h.estimate.rate() + 1e12 // copies must be withdrawn by whoever placed them
	}
	return h.estimate.rate()
}

// Len returns how many records are counted.
func (h *Homes[K]) Len() int { return len(h.homes) }

// Placed returns the level at which copies of a record lie.
func (h *Homes[K]) Placed(key K) Level {
	if i, ok := h.index[key]; ok {
		return h.homes[i].level
	}
	return AtHome
}

// Rate returns the queries for a record that are expected in an interval.
func (h *Homes[K]) Rate(key K) float64 {
	if i, ok := h.index[key]; ok {
		return h.homes[i].estimate.rate()
	}
	return 0
}

// Seen returns the queries for a record in an interval: those that are expected,
// or those of this one so far if they are more.
func (h *Homes[K]) Seen(key K) float64 {
	if i, ok := h.index[key]; ok {
		return max(h.homes[i].estimate.rate(), h.homes[i].count)
	}
	return 0
}

// Move is a record whose level changes: to a lower one by pushing copies to
// those that lack them, to a higher one by withdrawing.
type Move[K comparable] struct {
	Key      K
	From, To Level
	rate     float64
}

// Plan returns the moves that are due, and takes them as done: what popularity
// demands first, as long as the budget of copies lasts. What exceeds it comes
// with a later call. Withdrawing is not counted: it makes room.
func (h *Homes[K]) Plan(j *Judge, copies float64) []Move[K] {
	var moves []Move[K]
	for _, r := range h.homes {
		to := j.levels.of(r.estimate.rate(), r.estimate.count, r.level)
		if to != r.level {
			moves = append(moves, Move[K]{r.key, r.level, to, r.estimate.rate()})
		}
	}
	slices.SortStableFunc(moves, func(a, b Move[K]) int {
		switch down, other := a.To > a.From, b.To > b.From; {
		case down != other && down, down == other && a.rate > b.rate:
			return -1
		case down != other || a.rate < b.rate:
			return 1
		}
		return 0
	})
	for i, m := range moves {
		if m.To < m.From {
			if copies <= 0 {
				return moves[:i]
			}
			copies -= m.To.copies(j.model.Peers) - m.From.copies(j.model.Peers)
		}
		h.homes[h.index[m.Key]].level = m.To
	}
	return moves
}

// Forget says that the copies of a record were lost: they are pushed again when
// they are due.
func (h *Homes[K]) Forget(key K) {
	if i, ok := h.index[key]; ok {
		h.homes[i].level = AtHome
	}
}

// Due returns the moves that concern the peers of a row: those that gain or
// lose a copy. A contact that gets a move passes it on to all below it.
func Due[K comparable](moves []Move[K], row int) []Move[K] {
	var due []Move[K]
	for _, m := range moves {
		if m.From.Covers(row) != m.To.Covers(row) {
			due = append(due, m)
		}
	}
	return due
}
