package census

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	peersMax  = 4096 // peers in the table
	buriedMax = 4096 // dropped peers whose last record is remembered

	// dropAfter is how long a suspect stays in the table, staleAfter how long
	// a peer that has not renewed its record does.
	dropAfter  = 10 * time.Minute
	staleAfter = 2 * time.Hour

	// bucketCount is how many parts of the table are compared on their own.
	bucketCount = 64
)

const contextPrint wire.Context = "atoll/v1/peer-fingerprint"

// entry is what the table knows of one peer.
type entry struct {
	signed  signed
	heard   time.Time // when its present record came
	met     bool      // it has answered, or come to us, since it is in the table
	suspect time.Time // when it became suspect; zero while it is not
	tries   int       // calls that failed since it last answered
	retry   time.Time // if there are any, when it is called again
	rtt     time.Duration
	print   uint64 // its part of the bucket's fingerprint
}

// table holds the peers known. It is pure: time comes with each call. Its owner
// guards it.
type table struct {
	self    wire.PeerID
	entries map[wire.PeerID]*entry
	buried  map[wire.PeerID]uint64 // sequence number of the last record
	prints  [bucketCount]uint64
	own     uint64 // the part of this peer itself
	seen    uint64 // highest sequence number of our own that others hold
}

func newTable(self wire.PeerID) *table {
	return &table{self: self, entries: map[wire.PeerID]*entry{}, buried: map[wire.PeerID]uint64{}}
}

func bucketOf(p wire.PeerID) int { return int(p[0]) % bucketCount }

// fingerprint of a record; buckets hold the sum of those of their live peers.
func fingerprint(p wire.PeerID, seq uint64) uint64 {
	h := wire.Derive(contextPrint, p[:], wire.Uint64(seq))
	return binary.BigEndian.Uint64(h[:])
}

// setOwn notes the number of this peer's own record: others have it in their
// tables, so it counts here too.
func (t *table) setOwn(seq uint64) {
	b := bucketOf(t.self)
	t.prints[b] -= t.own
	t.own = fingerprint(t.self, seq)
	t.prints[b] += t.own
}

// differs returns the buckets, as bits, in which others differ from this table.
func (t *table) differs(others []uint64) (buckets uint64) {
	for b, p := range others {
		if p != t.prints[b] {
			buckets |= 1 << b
		}
	}
	return buckets
}

// change is what a merged record means to others.
type change uint8

const (
	nothing change = iota
	renewed        // a newer record of a peer that was known to live
	arrived        // a peer that is new, lives again, or has moved
)

// merge takes a record into account. It costs a signature check only if the
// record is newer than what is known. direct says that the peer itself gave it.
func (t *table) merge(s signed, direct bool, now time.Time) (change, error) {
	p, seq := s.Record.Peer, s.Record.Seq
	if p == t.self {
		return nothing, t.mirror(s)
	}
	e := t.entries[p]
	switch {
	case e != nil && seq <= e.signed.Record.Seq:
		if direct {
			return t.met(p), nil
		}
		return nothing, nil
	case e == nil && !direct && seq <= t.buried[p]:
		return nothing, nil
	case e == nil && !t.room(direct):
		return nothing, nil
	}
	if err := s.check(); err != nil {
		return nothing, err
	}
	return t.set(s, direct, now), nil
}

// mirror notes how high the numbers are that others hold of this peer's own
// records: the next one must be higher, also after the clock was set back.
func (t *table) mirror(s signed) error {
	if s.Record.Seq <= t.seen {
		return nil
	}
	if err := s.check(); err != nil {
		return err
	}
	t.seen = s.Record.Seq
	return nil
}

// set puts a checked record in place.
func (t *table) set(s signed, direct bool, now time.Time) change {
	p := s.Record.Peer
	old := t.entries[p]
	e := &entry{signed: s, heard: now, met: direct, print: fingerprint(p, s.Record.Seq)}
	delete(t.buried, p)
	t.entries[p] = e
	if old == nil {
		t.prints[bucketOf(p)] += e.print
		return arrived
	}
	e.met, e.rtt = e.met || old.met, old.rtt
	t.prints[bucketOf(p)] += e.print
	if !old.suspect.IsZero() {
		return arrived
	}
	t.prints[bucketOf(p)] -= old.print
	if !slices.EqualFunc(old.signed.Record.Addresses, s.Record.Addresses, bytes.Equal) {
		return arrived
	}
	return renewed
}

// room makes room for one more peer. A suspect gives way; for a peer that was
// met in person, so does one that is known from hearsay alone.
func (t *table) room(direct bool) bool {
	if len(t.entries) < peersMax {
		return true
	}
	for p, e := range t.entries { // in random order
		if !e.suspect.IsZero() || direct && !e.met {
			t.drop(p)
			return true
		}
	}
	return false
}

// met notes that a peer has answered or come to us.
func (t *table) met(p wire.PeerID) change {
	e := t.entries[p]
	if e == nil {
		return nothing
	}
	e.met, e.tries = true, 0
	if e.suspect.IsZero() {
		return nothing
	}
	e.suspect = time.Time{}
	t.prints[bucketOf(p)] += e.print
	return arrived
}

// failed notes that a peer could not be reached. One that did not answer in time
// may only be busy, as this peer may be: it becomes suspect the second time.
func (t *table) failed(p wire.PeerID, late bool, now time.Time) {
	e := t.entries[p]
	if e == nil {
		return
	}
	e.tries++
	e.retry = now.Add(time.Second << min(e.tries-1, 6))
	if e.suspect.IsZero() && (!late || e.tries > 1) {
		e.suspect = now
		t.prints[bucketOf(p)] -= e.print
	}
}

// drop forgets a peer but for the number of its last record, so that others who
// still repeat it do not bring it back.
func (t *table) drop(p wire.PeerID) {
	e := t.entries[p]
	if e.suspect.IsZero() {
		t.prints[bucketOf(p)] -= e.print
	}
	delete(t.entries, p)
	if len(t.buried) >= buriedMax {
		for old := range t.buried {
			delete(t.buried, old)
			break
		}
	}
	t.buried[p] = e.signed.Record.Seq
}

// age drops who has been gone for long. It returns the peers to be called again
// now, and when that is so for the next one.
func (t *table) age(now time.Time) (retry []wire.PeerID, next time.Time) {
	next = now.Add(slowRound)
	for p, e := range t.entries {
		switch {
		case !e.suspect.IsZero() && now.Sub(e.suspect) > dropAfter, now.Sub(e.heard) > staleAfter:
			t.drop(p)
		case e.tries == 0:
		case !now.Before(e.retry):
			retry = append(retry, p)
		case e.retry.Before(next):
			next = e.retry
		}
	}
	return retry, next
}

// live returns the peers that are not suspect, in random order.
func (t *table) live() []wire.PeerID {
	var peers []wire.PeerID
	for p, e := range t.entries {
		if e.suspect.IsZero() {
			peers = append(peers, p)
		}
	}
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	return peers
}

// records returns records of live peers from the given buckets, a random choice
// of at most max.
func (t *table) records(buckets uint64, max int) []signed {
	var records []signed
	for _, p := range t.live() {
		if len(records) < max && buckets>>bucketOf(p)&1 == 1 {
			records = append(records, t.entries[p].signed)
		}
	}
	return records
}
