package replica

import (
	"context"
	"time"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// checked is a message that knows its own limits.
type checked[T any] interface {
	*T
	check() error
}

// ask asks one question of a peer.
func ask[A any, P checked[A]](ctx context.Context, n Network, to wire.PeerID, protocol string, limit time.Duration, question any, max int) (A, error) {
	var answer A
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s, err := n.Open(ctx, to, protocol)
	if err != nil {
		return answer, err
	}
	defer s.Reset()
	defer context.AfterFunc(ctx, func() { s.Reset() })()
	if err := frame.WriteMessage(s, question); err != nil {
		return answer, err
	}
	if err := frame.ReadMessage(s, &answer, max); err != nil {
		return answer, err
	}
	return answer, P(&answer).check()
}

// serve answers one question.
func serve[Q any, P checked[Q]](r *Replicas, s *p2p.Stream, max int, answer func(q Q) any) {
	if s.SetDeadline(time.Now().Add(askTimeout)) != nil {
		return
	}
	var q Q
	err := frame.ReadMessage(s, &q, max)
	if err == nil {
		err = P(&q).check()
	}
	if err != nil {
		r.refuse()
		s.Reset()
		return
	}
	if frame.WriteMessage(s, answer(q)) != nil {
		s.Reset()
	}
}

// Own returns the copy of a record that lies here and may be given out, and
// counts the lookup if there is one.
func (r *Replicas) Own(key string) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.copies.byKey[key]
	if e == nil || !e.fresh(time.Now()) {
		return nil, false
	}
	r.counter.Add(key, 1)
	return e.value, true
}

// Asked counts a lookup that was answered otherwise.
func (r *Replicas) Asked(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counter.Add(key, 1)
}

// Find asks one contact for each digit of a key for a copy of the record, which
// the one who answers counts. What it returns has passed Records.Check; it is as
// new as the peers on the way are honest. A lookup that gets nowhere within some
// hundred milliseconds is given up: it was not the only way.
func (r *Replicas) Find(ctx context.Context, key string) (value []byte, found bool) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	found = r.towards(ctx, key, func(ctx context.Context, p wire.PeerID) ([]next, bool, error) {
		a, err := ask[findAnswer](ctx, r.config.Network, p, FindProtocol, hopTimeout, findQuestion{Key: []byte(key)}, findBytesMax)
		if err != nil || len(a.Value) == 0 {
			return a.Next, false, err
		}
		if _, err := r.config.Records.Check(key, a.Value); err != nil {
			r.refuse()
			return nil, false, err
		}
		value = a.Value
		return nil, true, nil
	})
	return value, found
}

// towards asks one peer for each digit of a key, as far as the answers lead, and
// reports whether one was the last. A contact that fails is the last resort from
// then on.
func (r *Replicas) towards(ctx context.Context, key string, ask func(context.Context, wire.PeerID) (on []next, done bool, err error)) bool {
	at := pointOfKey(key)
	r.mu.Lock()
	c, ok := r.table.Next(at)
	r.mu.Unlock()
	for range hopsMax {
		if !ok || c.Peer == r.config.Self {
			return false
		}
		on, done, err := ask(ctx, c.Peer)
		if err != nil {
			r.mu.Lock()
			r.table.Demote(c)
			r.mu.Unlock()
			return false
		}
		if done {
			return true
		}
		c, ok = r.nextHop(at, c, on)
	}
	return false
}

// nextHop returns whom an answer names, if that is nearer to the key.
func (r *Replicas) nextHop(key beehive.Point, asked beehive.Contact[wire.PeerID], on []next) (beehive.Contact[wire.PeerID], bool) {
	if len(on) == 0 {
		return asked, false
	}
	c := beehive.Contact[wire.PeerID]{Peer: on[0].Peer, At: pointOfPeer(on[0].Peer)}
	return c, key.Nearer(c.At, asked.At) && r.config.Contacts.Learn(c.Peer, on[0].Addresses)
}

// hop returns whom this peer would ask for a key; nobody if it is its home.
func (r *Replicas) hop(key string) []next {
	r.mu.Lock()
	c, ok := r.table.Next(pointOfKey(key))
	r.mu.Unlock()
	if !ok {
		return nil
	}
	addresses := r.config.Contacts.Addresses(c.Peer)
	return []next{{Peer: c.Peer, Addresses: addresses[:min(len(addresses), addressesMax)]}}
}

// serveFind gives out a copy, or the record as its home, or the next contact.
func (r *Replicas) serveFind(ctx context.Context, _ wire.PeerID, s *p2p.Stream) {
	serve(r, s, KeyBytesMax+16, func(q findQuestion) any {
		key := string(q.Key)
		if value, found := r.Own(key); found {
			return findAnswer{Value: value}
		}
		if on := r.hop(key); on != nil {
			return findAnswer{Next: on}
		}
		value, found := r.config.Records.Held(ctx, key)
		if found {
			r.Asked(key)
		}
		return findAnswer{Value: value}
	})
}

func (r *Replicas) serveSum(_ context.Context, _ wire.PeerID, s *p2p.Stream) {
	serve(r, s, 16, func(q sumQuestion) any {
		r.mu.Lock()
		defer r.mu.Unlock()
		sum := r.tally.At(int(q.Row))
		return sumAnswer{Peers: sum.Peers, Unasked: sum.Unasked, Asked: sum.Asked}
	})
}
