package ringuser

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/update"
)

const (
	// patience is how long one member is waited for before the next is asked too.
	patience = 500 * time.Millisecond
	// pause is the time before members that have all failed are asked again.
	pause = 50 * time.Millisecond
	// versionsMax is how many versions are remembered, to find a fork among them
	// and to check each certificate once.
	versionsMax = 1 << 16
)

// ErrFork is returned when two certificates name different versions of one
// number: more members lie than a ring withstands.
var ErrFork = errors.New("two certified versions of one number")

// Object is an object as its users know it. It is safe for concurrent use.
type Object struct {
	ID    wire.ObjectID
	Owner *Author

	user *User

	mu       sync.Mutex // guards what follows
	ring     bft.RingCert
	versions map[wire.Version]wire.VersionID
	newest   wire.Version
	view     wire.View
}

func newObject(u *User, owner wire.Key, g bft.Genesis) (*Object, error) {
	o := &Object{ID: g.Body.ObjectID(), ring: g.Body.Ring(), user: u, versions: make(map[wire.Version]wire.VersionID)}
	var err error
	o.Owner, err = o.author(owner)
	return o, err
}

// Leader returns the member that led when the newest version that the user has
// seen was ordered.
func (o *Object) Leader() wire.PeerID {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ring.Members[o.ring.Leader(o.view)].Peer
}

// Newest returns the newest version that the user has seen.
func (o *Object) Newest() wire.Version {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.newest
}

// Ordered is what became of an update, proved.
type Ordered struct {
	Version wire.Version
	Outcome update.Outcome
}

// Submit has an update ordered, by whichever member can, for as long as the
// context lets it. An error of kind Timeout or NoQuorum says nothing about
// whether the update will be ordered after all.
func (o *Object) Submit(ctx context.Context, signed []byte) (Ordered, error) {
	var last error
	for {
		got, err := o.submit(ctx, signed)
		if err == nil || errors.Is(err, ErrFork) {
			return got, err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return Ordered{}, errs.New("order update", o.ID.String(), errs.NoQuorum, last)
		case <-time.After(pause):
		}
	}
}

// submit asks the members in turn, the likely leader first, until one proves an
// outcome.
func (o *Object) submit(ctx context.Context, signed []byte) (Ordered, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		got Ordered
		err error
	}
	members := o.inOrder()
	results := make(chan result, len(members)) // nobody who is late waits
	next := time.NewTimer(0)
	defer next.Stop()
	var failures []error
	for asked := 0; asked < len(members) || len(failures) < asked; {
		select {
		case r := <-results:
			if r.err == nil || errors.Is(r.err, ErrFork) {
				return r.got, r.err
			}
			failures = append(failures, r.err)
		case <-next.C:
		}
		if asked < len(members) {
			m := members[asked]
			go func() {
				got, err := o.ask(ctx, m, signed)
				results <- result{got, err}
			}()
			asked++
			next.Reset(patience)
		}
	}
	return Ordered{}, errors.Join(failures...)
}

func (o *Object) inOrder() []wire.PeerID {
	o.mu.Lock()
	defer o.mu.Unlock()
	members := o.ring.Members
	first := o.ring.Leader(o.view)
	order := make([]wire.PeerID, len(members))
	for i := range order {
		order[i] = members[(first+i)%len(members)].Peer
	}
	return order
}

// ask has one member order an update and checks its answer.
func (o *Object) ask(ctx context.Context, m wire.PeerID, signed []byte) (Ordered, error) {
	a, err := ringnet.Ask[ringnet.Ordered](ctx, o.user.calls, m, ringnet.KindSubmit, ringnet.Submit{Object: o.ID, Update: signed})
	if err != nil {
		return Ordered{}, fmt.Errorf("member %v: %w", m, err)
	}
	if err := o.follow(ctx, m, a.Certificate.Decision.Ring); err != nil {
		return Ordered{}, fmt.Errorf("member %v: %w", m, err)
	}
	if err := o.see(a.Certificate); err != nil {
		return Ordered{}, fmt.Errorf("member %v: %w", m, err)
	}
	d := a.Certificate.Decision
	if err := a.Proof.Verify(d, signed, a.Outcome); err != nil {
		return Ordered{}, fmt.Errorf("member %v: %w", m, err)
	}
	outcome, err := update.ParseOutcome(a.Outcome)
	return Ordered{Version: d.Version, Outcome: outcome}, err
}

// Members returns the peers that order the object, as far as the user knows.
func (o *Object) Members() []wire.PeerID {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bft.Peers(o.ring.Members)
}

// follow goes on to another ring, if the object's chain leads to it.
func (o *Object) follow(ctx context.Context, m wire.PeerID, ring wire.RingCertID) error {
	o.mu.Lock()
	known := o.ring.ID() == ring
	o.mu.Unlock()
	if known {
		return nil
	}
	record, err := ringnet.Ask[ringnet.Record](ctx, o.user.calls, m, ringnet.KindHead, ringnet.OfObject{Object: o.ID})
	if err != nil {
		return err
	}
	head, err := bft.ParseHead(record.Bytes)
	if err != nil {
		return err
	}
	v, err := head.Verify(o.ID)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if v.Epoch > o.ring.Epoch {
		o.ring, o.view = v.Ring, 0
	}
	return nil
}

// see checks a certificate, once for all updates of its version.
func (o *Object) see(c bft.Certificate) error {
	v, id := c.Decision.Version, c.Version()
	o.mu.Lock()
	defer o.mu.Unlock()
	seen, known := o.versions[v]
	if known && seen == id {
		return nil
	}
	if err := c.Verify(bft.Commit, o.ring); err != nil {
		return err
	}
	if known {
		return fmt.Errorf("%w: version %d of %v is %v and %v", ErrFork, v, o.ID, seen, id)
	}
	o.versions[v] = id
	if len(o.versions) > versionsMax {
		for old := range o.versions {
			if old+versionsMax/2 < o.newest {
				delete(o.versions, old)
			}
		}
	}
	if v > o.newest {
		o.newest, o.view = v, c.View
	}
	return nil
}
