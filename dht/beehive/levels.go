package beehive

// Level is how many digits a peer must share with a key to hold the record.
type Level uint8

// AtHome is the level of a record that lies only on the peers nearest to its
// key, where its owner put it.
const AtHome Level = 255

const (
	// hold keeps a record at its level until its rate is so far from the limit
	// that it is not noise that would move it to and fro.
	hold = 1.15
	// seenMin is the count below which a record has not shown that it is asked
	// for again and again.
	seenMin = 2
)

// Levels holds for each level the rate, in queries for each interval, from
// which on a record belongs there. What is less popular belongs to the level
// after the last one if it is asked for at all. Nil stands for no copies.
type Levels []float64

// of returns the level for a record of the given rate, of which seen queries
// are remembered and which now lies at level now.
func (l Levels) of(rate, seen float64, now Level) Level {
	switch {
	case len(l) == 0, seen < seenMin/2, seen < seenMin && now == AtHome:
		return AtHome
	}
	for i, limit := range l {
		if int(now) <= i {
			limit /= hold
		} else {
			limit *= hold
		}
		if rate >= limit {
			return Level(i)
		}
	}
	return Level(len(l))
}

// Covers reports whether a record of that level lies with the contacts of a row:
// those share as many digits with a peer as rows lie before it.
func (l Level) Covers(row int) bool { return int(l) <= row }

// copies returns on how many of the peers a record of that level lies, beside
// its home.
func (l Level) copies(peers float64) float64 {
	if l == AtHome {
		return 0
	}
	for range l {
		peers /= Base
	}
	return peers
}
