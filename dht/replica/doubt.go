package replica

import (
	"slices"
	"time"
)

// Outdated says that a newer record exists than the copy here, which somebody
// claims to be new. The newer one takes its place; who does not bring it soon is
// not believed about this record any more.
func (r *Replicas) Outdated(key string, newer []byte) {
	expires, err := r.config.Records.Check(key, newer)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.copies.byKey[key]
	if e == nil || !r.config.Records.Newer(key, newer, e.value) {
		return
	}
	now := time.Now()
	for _, l := range slices.Clone(e.sources) {
		r.owe(l, key, now)
	}
	r.renew(e, newer, expires)
}

// owe notes that a link has brought a record that is old. The caller holds mu.
func (r *Replicas) owe(l *link, key string, now time.Time) {
	if _, known := l.owes[key]; known {
		return
	}
	if len(l.owes) >= owesMax {
		r.dropLink(l)
		return
	}
	l.owes[key] = now.Add(staleAfter)
}

// behind reports whether a link is not believed about a record. The caller holds
// mu.
func (l *link) behind(key string, now time.Time) bool {
	due, known := l.owes[key]
	return known && now.After(due)
}

// collect takes from a link the copies for which it did not bring the newer
// record in time. The caller holds mu.
func (r *Replicas) collect(l *link, now time.Time) {
	for key := range l.owes {
		e := r.copies.byKey[key]
		if e == nil || !l.behind(key, now) {
			continue
		}
		if i := slices.Index(e.sources, l); i >= 0 {
			l.count--
			r.update(e, func() { e.sources = slices.Delete(e.sources, i, i+1) })
		}
	}
}
