package replica

import "time"

// allowance is how often a record may still change. The zero allowance is full.
type allowance struct {
	used float64
	at   time.Time
}

// take uses the allowance once, if anything is left of it.
func (a *allowance) take(now time.Time) bool {
	a.used = max(0, a.used-now.Sub(a.at).Seconds()/changeEvery.Seconds())
	a.at = now
	if a.used+1 > changesBurst {
		return false
	}
	a.used++
	return true
}

// bar withdraws a record that changes all the time, here and from those who have
// it from here: lookups find it. The caller holds mu.
func (r *Replicas) bar(e *entry, now time.Time) {
	r.restless.Add(e.key, now.Add(restlessFor))
	r.drop(e)
}

// barred reports whether a record is not to be copied. The caller holds mu.
func (r *Replicas) barred(key string, now time.Time) bool {
	until, known := r.restless.Peek(key)
	return known && now.Before(until)
}
