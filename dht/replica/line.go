package replica

import (
	"bufio"
	"context"
	"errors"
	"time"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

var errSilent = errors.New("replica: the peer does not confirm")

// line brings one contact what it is to have. Nothing is remembered of what it
// was sent but which entries: what it is sent next is what those say then. So
// its queues hold each entry once at most, whatever changes meanwhile.
type line struct {
	contact beehive.Contact[wire.PeerID]
	row     int // of the contact
	slot    int // of lineSets
	wake    chan struct{}
	cancel  context.CancelFunc

	// urgent are changes of what the contact has, backlog is what it lacks.
	urgent, backlog []*entry

	sent, taken uint64    // messages
	since       time.Time // when the contact last confirmed one, or had none to confirm
	turned      time.Time // when another contact was last turned to for its slowness
}

// wants reports whether the contact is to have a record.
func (l *line) wants(e *entry) bool { return !e.idle() && e.start() <= l.row }

// add queues an entry. The caller holds mu.
func (l *line) add(e *entry) {
	if e.queued.has(l.slot) {
		return
	}
	e.queued.set(l.slot)
	if e.sent.has(l.slot) {
		l.urgent = append(l.urgent, e)
	} else {
		l.backlog = append(l.backlog, e)
	}
	l.stir()
}

// stir has the line look again for what to send.
func (l *line) stir() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// openLines sees to it that there is a line to each contact for which there is
// something, and to no other peer. The caller holds mu.
func (r *Replicas) openLines(ctx context.Context) {
	used := map[wire.PeerID]bool{}
	r.table.Spread(0, func(row int, c beehive.Contact[wire.PeerID]) {
		if !r.copies.anyFor(row) {
			return
		}
		used[c.Peer] = true
		if r.lines[c.Peer] == nil && ctx.Err() == nil {
			r.openLine(ctx, row, c)
		}
	})
	for p, l := range r.lines {
		if !used[p] {
			l.cancel()
		}
	}
}

func (r *Replicas) openLine(ctx context.Context, row int, c beehive.Contact[wire.PeerID]) {
	slot := 0
	for slot < LinesMax && r.slots[slot] != nil {
		slot++
	}
	if slot == LinesMax {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &line{contact: c, row: row, slot: slot, wake: make(chan struct{}, 1), cancel: cancel, since: time.Now()}
	r.lines[c.Peer], r.slots[slot] = l, l
	for _, e := range r.copies.byKey {
		if l.wants(e) {
			l.add(e)
		}
	}
	r.work.Go(func() {
		err := r.carry(ctx, l)
		cancel()
		r.closeLine(l, err)
	})
}

// closeLine forgets a line. The contact drops what it had by it; if it failed,
// another contact takes its place until it is met again.
func (r *Replicas) closeLine(l *line, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.lines, l.contact.Peer)
	r.slots[l.slot] = nil
	for _, e := range r.copies.byKey {
		e.sent.clear(l.slot)
		e.queued.clear(l.slot)
	}
	if err != nil {
		r.log.Debug("line of copies ended", "peer", l.contact.Peer, "error", err)
		r.forget(l.contact)
	}
}

// forget removes a contact that fails. The caller holds mu.
func (r *Replicas) forget(c beehive.Contact[wire.PeerID]) {
	r.table.Remove(c)
	delete(r.contacts, c.Peer)
	r.tally.SetDepth(r.table.Depth())
	r.hurry()
}

// hurry has the lines follow the table at once.
func (r *Replicas) hurry() {
	select {
	case r.rouse <- struct{}{}:
	default:
	}
}

// carry sends what a line has to bring until its context ends, which is no
// error, or it fails.
func (r *Replicas) carry(ctx context.Context, l *line) error {
	opening, cancel := context.WithTimeout(ctx, messageTimeout)
	s, err := r.config.Network.Open(opening, l.contact.Peer, LineProtocol)
	cancel()
	if err == nil {
		defer s.Reset()
		defer context.AfterFunc(ctx, func() { s.Reset() })()
		confirmed := make(chan error, 1)
		r.work.Go(func() { confirmed <- r.readAcks(l, s) })
		err = r.write(ctx, l, s, confirmed)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (r *Replicas) write(ctx context.Context, l *line, s *p2p.Stream, confirmed <-chan error) error {
	w := bufio.NewWriter(s)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var beat time.Time
	for {
		m, pause := r.next(l, &beat, time.Now())
		if m != nil {
			if err := s.SetDeadline(time.Now().Add(messageTimeout)); err != nil {
				return err
			}
			b := wire.Marshal(*m)
			r.send.spend(len(b), time.Now())
			if err := errors.Join(frame.Write(w, b), w.Flush()); err != nil {
				return err
			}
			continue
		}
		if pause <= 0 {
			return errSilent
		}
		timer.Reset(pause)
		select {
		case <-timer.C:
		case <-l.wake:
		case err := <-confirmed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// next returns what a line carries now: changes first, then word that there are
// none, then what the contact lacks as far as the budget goes. Without any it
// returns how long to wait; not at all if the contact is silent.
func (r *Replicas) next(l *line, beat *time.Time, now time.Time) (*message, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, changes := r.change(l, now)
	pause := beat.Add(beatEvery).Sub(now)
	switch {
	case m != nil:
	case changes > 0: // what is said to be new would not be
		pause = changes
	case pause <= 0:
		*beat = now
		m = &message{Kind: kindBeat, Age: uint64(r.age(l.row, now).Milliseconds())}
	case len(l.backlog) > 0 && l.sent-l.taken < windowMax:
		if wait := r.send.wait(now); wait > 0 {
			pause = min(pause, wait)
		} else {
			m = r.pop(l, &l.backlog)
		}
	}
	if l.taken == l.sent {
		l.since = now
	}
	if m != nil {
		l.sent++
		return m, 0
	}
	return nil, r.patience(l, pause, now)
}

// change returns what the contact must be told of a change, or how long that has
// to wait.
func (r *Replicas) change(l *line, now time.Time) (*message, time.Duration) {
	if len(l.urgent) == 0 {
		return nil, 0
	}
	if wait := r.push.wait(now); wait > 0 {
		return nil, wait
	}
	m := r.pop(l, &l.urgent)
	if m != nil {
		r.push.spend(len(m.Key)+len(m.Value), now)
	}
	return m, 0
}

// patience returns how long to wait for a contact that has messages to confirm,
// pause at the most; 0 if it is silent. Another is turned to if it is slow.
func (r *Replicas) patience(l *line, pause time.Duration, now time.Time) time.Duration {
	if l.taken == l.sent {
		return pause
	}
	late := now.Sub(l.since)
	if late >= messageTimeout {
		return 0
	}
	if late < slowAfter {
		return min(pause, slowAfter-late)
	}
	if now.Sub(l.turned) >= demoteEvery {
		l.turned = now
		if r.table.Demote(l.contact) {
			r.hurry()
		}
	}
	return min(pause, messageTimeout-late)
}

// pop takes the next entry from a queue and returns what the contact must be
// told of it, or nil at the end.
func (r *Replicas) pop(l *line, queue *[]*entry) *message {
	for len(*queue) > 0 {
		e := (*queue)[0]
		(*queue)[0] = nil
		*queue = (*queue)[1:]
		e.queued.clear(l.slot)
		switch had := e.sent.has(l.slot); {
		case l.wants(e):
			e.sent.set(l.slot)
			return &message{Kind: kindPut, Key: []byte(e.key), Value: e.value}
		case had:
			e.sent.clear(l.slot)
			return &message{Kind: kindDrop, Key: []byte(e.key)}
		}
	}
	*queue = nil
	return nil
}

// age returns how old this peer's knowledge of what the contacts of a row get
// from it may be. That came by links of lower rows only, so that two peers which
// bring each other copies do not wait for each other's word.
func (r *Replicas) age(row int, now time.Time) time.Duration {
	var most time.Duration
	for _, l := range r.links {
		if l.row < row && l.count > 0 && l.fresh(now) {
			most = max(most, now.Sub(l.asOf))
		}
	}
	return most
}

// readAcks notes what the contact confirms.
func (r *Replicas) readAcks(l *line, s *p2p.Stream) error {
	for {
		var a acknowledgement
		if err := frame.ReadMessage(s, &a, ackBytesMax); err != nil {
			return err
		}
		r.mu.Lock()
		ok := a.Taken > l.taken && a.Taken <= l.sent
		l.taken, l.since = a.Taken, time.Now()
		r.mu.Unlock()
		l.stir()
		if !ok {
			return errMessage
		}
	}
}
