package objects

import (
	"fmt"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

// Keep says which versions of an object stay readable, in restic's words: the
// last ones, and of each of so many hours, days, weeks, months and years that
// have versions the newest. The newest version of all always stays.
type Keep struct {
	Last, Hourly, Daily, Weekly, Monthly, Yearly int

	// Within keeps every version that is not older than this, counted back from
	// the newest.
	Within time.Duration
}

// IsEmpty reports whether nothing is said, which would keep the newest alone.
func (k Keep) IsEmpty() bool { return k == Keep{} }

// periods are the rules that keep one version of each period; name returns the
// period of a time.
func (k Keep) periods() []period {
	return []period{
		{k.Hourly, func(t time.Time) string { return t.Format("2006-01-02 15") }},
		{k.Daily, func(t time.Time) string { return t.Format(time.DateOnly) }},
		{k.Weekly, func(t time.Time) string { y, w := t.ISOWeek(); return fmt.Sprint(y, " week ", w) }},
		{k.Monthly, func(t time.Time) string { return t.Format("2006-01") }},
		{k.Yearly, func(t time.Time) string { return t.Format("2006") }},
	}
}

type period struct {
	left int
	name func(time.Time) string
}

// Forget returns which of the versions, newest first, are not kept. Those in
// which no content changed go with the next older one that is forgotten, and
// count for no rule.
func (k Keep) Forget(versions []VersionInfo) (forget []wire.Version) {
	periods := k.periods()
	last := make([]string, len(periods))
	left := k.Last
	for i, v := range versions {
		if i == 0 {
			left--
			k.count(periods, last, v.Time)
			continue
		}
		keep := false
		if v.Content {
			keep = left > 0
			left--
			keep = k.count(periods, last, v.Time) || keep
			keep = keep || k.Within > 0 && versions[0].Time.Sub(v.Time) <= k.Within
		}
		if !keep {
			forget = append(forget, v.Version)
		}
	}
	return forget
}

// count reports whether a version is the newest of a period that is kept.
func (k Keep) count(periods []period, last []string, t time.Time) (keep bool) {
	for i := range periods {
		name := periods[i].name(t.UTC())
		if periods[i].left > 0 && name != last[i] {
			periods[i].left--
			last[i], keep = name, true
		}
	}
	return keep
}
