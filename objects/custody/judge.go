package custody

// Standing is what a custodian believes of one share at one holder.
type Standing uint8

// The standings, from worst to best.
const (
	// Absent: its holder is lost, or has failed to prove it, or there is none.
	Absent Standing = iota
	// Doubtful: its holder is silent and may come back, or has come back and not
	// proved it since.
	Doubtful
	// Live: its holder answers, and has proved it or just signed for it.
	Live
)

// Code is how an extent is coded and when it is repaired.
type Code struct {
	K, N      int // any K of N shares restore it
	Threshold int // no more than so many shares call for a repair
}

// Tally counts the distinct shares of an extent by their best standing.
type Tally struct{ Live, Doubtful int }

// Count tallies shares, given the best standing of each.
func Count(shares []Standing) (t Tally) {
	for _, s := range shares {
		switch s {
		case Live:
			t.Live++
		case Doubtful:
			t.Doubtful++
		}
	}
	return t
}

// Class says why an extent is to be repaired; the most urgent comes first.
type Class uint8

// The classes.
const (
	// Permanent: shares are lost for good, and no more than the threshold are
	// left, those that may come back included.
	Permanent Class = iota + 1
	// Transient: enough shares exist, but so many of their holders are silent
	// that few further failures would make the extent unreadable.
	Transient
	// Rest: nothing is to be done.
	Rest
	// Beyond: fewer than K shares exist. Nothing can be done until some return.
	Beyond
)

// Verdict is how an extent stands.
type Verdict struct {
	Class  Class
	Margin int // how many more shares may be lost before it cannot be read
}

// Judge says how an extent stands. Shares that may come back count, so that a
// reboot moves no data; what has come back and proved itself counts in full.
func Judge(c Code, t Tally) Verdict {
	there := t.Live + t.Doubtful
	v := Verdict{Class: Rest, Margin: there - c.K}
	switch {
	case there < c.K:
		v.Class = Beyond
	case there <= c.Threshold:
		v.Class = Permanent
	case t.Live <= c.K+c.reserve():
		v.Class, v.Margin = Transient, t.Live-c.K
	}
	return v
}

// reserve is how many live shares above K are too few, however many may come
// back: a quarter of what the threshold keeps.
func (c Code) reserve() int { return (c.Threshold - c.K) / 4 }

// IsDue reports whether the extent is to be repaired, and can be: K live shares
// are needed to compute any other.
func (v Verdict) IsDue(c Code, t Tally) bool {
	return (v.Class == Permanent || v.Class == Transient) && t.Live >= c.K
}

// Before orders repairs: permanent losses before transient ones, and within
// either the weakest first.
func (v Verdict) Before(w Verdict) bool {
	if v.Class != w.Class {
		return v.Class < w.Class
	}
	return v.Margin < w.Margin
}

// Wanted returns which shares to rebuild, ascending: after a permanent loss all
// that are absent, so that the next repair is far off; after a transient one as
// few as bring the live ones above the threshold, the absent ones first.
func Wanted(c Code, v Verdict, shares []Standing) (wanted []int) {
	for i, s := range shares {
		if s == Absent {
			wanted = append(wanted, i)
		}
	}
	if v.Class == Permanent {
		return wanted
	}
	missing := c.Threshold + 1 - Count(shares).Live
	for i, s := range shares {
		if s == Doubtful && len(wanted) < missing {
			wanted = append(wanted, i)
		}
	}
	return wanted[:max(min(len(wanted), missing), 0)]
}
