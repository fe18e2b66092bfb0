package replica

import (
	"bufio"
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// link is a peer that brings copies, as long as its stream lives.
type link struct {
	peer   wire.PeerID
	row    int                  // digits shared with it
	asOf   time.Time            // what it brought was new then, or later
	count  int                  // entries that came by it
	forged int                  // records that were none
	own    *budget              // what is taken of it whatever others bring
	owes   map[string]time.Time // of which it brought an old record, and until when it may make up for that
	closed bool
}

// fresh reports whether what came by the link may be given out.
func (l *link) fresh(now time.Time) bool {
	return now.Sub(l.asOf) <= min(staleAfter, staleBase+time.Duration(l.row)*staleRow)
}

// wait returns how long this peer takes nothing from a link.
func (r *Replicas) wait(l *link, now time.Time) time.Duration {
	own := l.own.wait(now)
	if own == 0 {
		return 0
	}
	return min(own, r.take.wait(now))
}

// spend charges what a link has brought.
func (r *Replicas) spend(l *link, bytes int, now time.Time) {
	if l.own.wait(now) == 0 {
		l.own.spend(bytes, now)
		return
	}
	r.take.spend(bytes, now)
}

// serveLine takes what a peer brings.
func (r *Replicas) serveLine(ctx context.Context, from wire.PeerID, s *p2p.Stream) {
	l := r.addLink(from)
	if l == nil {
		s.Reset()
		return
	}
	err := r.readLine(ctx, l, s)
	s.Reset()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLink(l)
	r.log.Debug("link of copies ended", "peer", from, "error", err)
}

// addLink begins a link. A peer has one: what came by an earlier one goes.
func (r *Replicas) addLink(from wire.PeerID) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.links[from]; old != nil {
		r.dropLink(old)
	}
	row := r.table.Self().At.Shared(pointOfPeer(from))
	if len(r.links) >= LinksMax || row == beehive.Digits {
		return nil
	}
	// Nothing came yet, so there is nothing to give out before the first beat;
	// until then, the link counts as fresh.
	l := &link{peer: from, row: row, asOf: time.Now(), own: newBudget(r.config.linkBudget), owes: map[string]time.Time{}}
	r.links[from] = l
	return l
}

// dropLink forgets all that came by a link. The caller holds mu.
func (r *Replicas) dropLink(l *link) {
	if l.closed {
		return
	}
	l.closed = true
	delete(r.links, l.peer)
	for _, e := range r.copies.byKey {
		if i := slices.Index(e.sources, l); i >= 0 {
			r.update(e, func() { e.sources = slices.Delete(e.sources, i, i+1) })
		}
	}
}

func (r *Replicas) readLine(ctx context.Context, l *link, s *p2p.Stream) error {
	in := bufio.NewReader(s)
	for taken := uint64(1); ; taken++ {
		if err := pause(ctx, r.wait(l, time.Now())); err != nil {
			return err
		}
		if err := s.SetDeadline(time.Now().Add(staleAfter)); err != nil {
			return err
		}
		b, err := frame.Read(in, messageBytesMax)
		if err != nil {
			return err
		}
		r.spend(l, len(b), time.Now())
		m, err := parseMessage(b)
		if err != nil {
			r.refuse()
			return err
		}
		if !r.takeMessage(ctx, l, m) {
			return errClosed
		}
		if in.Buffered() == 0 {
			if err := frame.WriteMessage(s, acknowledgement{Taken: taken}); err != nil {
				return err
			}
		}
	}
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Replicas) refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bad++
}

// takeMessage does what a message says, and reports whether the link goes on.
func (r *Replicas) takeMessage(ctx context.Context, l *link, m message) bool {
	switch m.Kind {
	case kindPut:
		r.takePut(ctx, l, string(m.Key), m.Value)
	case kindDrop:
		r.takeDrop(l, string(m.Key))
	case kindBeat:
		r.takeBeat(l, time.Duration(min(m.Age, uint64(staleAfter.Milliseconds())))*time.Millisecond)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return !l.closed
}

func (r *Replicas) takeBeat(l *link, age time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.asOf = time.Now().Add(-age)
}

func (r *Replicas) takeDrop(l *link, key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(l.owes, key)
	e := r.copies.byKey[key]
	if e == nil {
		return
	}
	if i := slices.Index(e.sources, l); i >= 0 {
		l.count--
		r.update(e, func() { e.sources = slices.Delete(e.sources, i, i+1) })
	}
}

// takePut takes a record, if it is one and there is room. One that has run out
// here may not have where the clock is another: it is counted, and passed over.
func (r *Replicas) takePut(ctx context.Context, l *link, key string, value []byte) {
	brought := value
	value, expires, ok := r.judgePut(ctx, l, key, value)
	if !ok {
		r.refuseFrom(l)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now, e := time.Now(), r.copies.byKey[key]
	if l.closed || l.behind(key, now) || r.barred(key, now) {
		return
	}
	if e == nil {
		e = r.takeNew(l, key, value, expires)
	} else {
		if !slices.Contains(e.sources, l) && l.count < CopiesPerLinkMax {
			r.update(e, func() { e.addSource(l) })
		}
		r.renew(e, value, expires)
	}
	if e != nil {
		r.settle(l, e, brought, now)
	}
}

// takeNew takes a record of which there was no copy, if there is room. The caller
// holds mu.
func (r *Replicas) takeNew(l *link, key string, value []byte, expires time.Time) *entry {
	e := newEntry(r.table.Self().At, key, beehive.AtHome)
	if l.count >= CopiesPerLinkMax || !r.copies.roomFrom(e.cell, key, value) {
		return nil
	}
	l.count++
	r.update(e, func() {
		e.set(value, expires)
		e.sources = []*link{l}
	})
	r.tell(e)
	return e
}

// settle notes whether what a link brings is as new as what is known. The caller
// holds mu.
func (r *Replicas) settle(l *link, e *entry, brought []byte, now time.Time) {
	if r.config.Records.Newer(e.key, e.value, brought) {
		r.owe(l, e.key, now)
		return
	}
	delete(l.owes, e.key)
}

// refuseFrom counts a record that is none.
func (r *Replicas) refuseFrom(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bad++
	if l.forged++; l.forged > forgedMax {
		r.dropLink(l)
	}
}

// addSource notes that an entry came by another link; of too many the oldest is
// forgotten.
func (e *entry) addSource(l *link) {
	if len(e.sources) >= sourcesMax {
		e.sources[0].count--
		e.sources = slices.Delete(e.sources, 0, 1)
	}
	l.count++
	e.sources = append(e.sources, l)
}

// judgePut checks a record that was brought, and returns the one that this peer
// holds in its place if that is newer.
func (r *Replicas) judgePut(ctx context.Context, l *link, key string, value []byte) ([]byte, time.Time, bool) {
	r.mu.Lock()
	if e := r.copies.byKey[key]; e != nil && bytes.Equal(e.value, value) {
		defer r.mu.Unlock()
		return value, e.expires, e.expires.IsZero() || time.Now().Before(e.expires)
	}
	r.mu.Unlock()
	r.spend(l, checkCost, time.Now())
	expires, err := r.config.Records.Check(key, value)
	if err != nil {
		return nil, expires, false
	}
	if held, found := r.config.Records.Held(ctx, key); found && r.config.Records.Newer(key, held, value) {
		if expires, err := r.config.Records.Check(key, held); err == nil {
			return held, expires, true
		}
	}
	return value, expires, true
}
