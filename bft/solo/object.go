package solo

import (
	"context"
	"sync"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// object is one object that is ordered here.
type object struct {
	id      wire.ObjectID
	genesis bft.Genesis
	ring    bft.RingCert
	key     wire.Key

	mu       sync.Mutex // guards what follows
	state    State
	commit   *bft.Certificate // nil for version 0
	waiting  []*request
	draining bool // a goroutine is in drain
}

// request is an update that waits.
type request struct {
	update []byte
	done   chan struct{} // closed when reply or err is there
	reply  Reply
	err    error
}

// enqueue adds a request and reports whether drain must be started.
func (o *object) enqueue(r *request) (start bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) >= PendingUpdatesMax {
		return false, ErrBusy
	}
	o.waiting = append(o.waiting, r)
	start = !o.draining
	o.draining = true
	return start, nil
}

// drain orders what waits, until nothing does.
func (o *object) drain(h *Host) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.waiting) > 0 {
		batch := o.take()
		parent, previous := o.state, o.commit
		o.mu.Unlock()
		c, err := o.decide(h, parent, previous, batch)
		o.mu.Lock()
		if err == nil {
			o.commit, o.state = &c, State{Version: c.Decision.Version, Root: c.Decision.State}
		}
		for _, r := range batch {
			r.err = err
			close(r.done)
		}
	}
	o.draining = false
}

// take removes the requests of the next version from the queue.
func (o *object) take() []*request {
	n, bytes := 0, 0
	for n < len(o.waiting) && n < wire.BatchUpdatesMax {
		bytes += len(o.waiting[n].update)
		if n > 0 && bytes > wire.BatchBytesMax {
			break
		}
		n++
	}
	batch := o.waiting[:n:n]
	o.waiting = o.waiting[n:]
	return batch
}

// decide makes the next version of a batch, durably, and sets the replies. If
// it fails, the version before is still the newest.
func (o *object) decide(h *Host, parent State, previous *bft.Certificate, batch []*request) (c bft.Certificate, err error) {
	b := bft.Batch{Updates: make([][]byte, len(batch))}
	for i, r := range batch {
		b.Updates[i] = r.update
	}
	env := Env{Version: parent.Version + 1, TimeUnixMilli: h.now().UnixMilli()}
	if previous != nil {
		env.TimeUnixMilli = max(env.TimeUnixMilli, previous.Decision.TimeUnixMilli)
	}
	x, err := h.execute.Execute(context.Background(), o.id, parent, env, b.Updates)
	if err != nil {
		return c, err
	}
	b.Outcomes = x.Outcomes
	if err := b.Check(); err != nil {
		return c, err
	}
	c = o.certify(env, x.Root, b, previous)
	err = h.store.Update(func(w kv.Writer) error {
		if err := x.Keep(w); err != nil {
			return err
		}
		if err := w.Set(batchKey(o.id, env.Version), wire.Marshal(b)); err != nil {
			return err
		}
		return w.Set(certificateKey(o.id), c.Encode())
	})
	if err == nil {
		err = h.store.Sync()
	}
	for i, r := range batch {
		r.reply = Reply{Version: env.Version, Outcome: b.Outcomes[i]}
	}
	return c, err
}

// certify signs the decision: a quorum of one.
func (o *object) certify(env Env, root wire.NodeHash, b bft.Batch, previous *bft.Certificate) bft.Certificate {
	d := bft.Decision{
		Object: o.id, Epoch: o.ring.Epoch, Ring: o.ring.ID(), Version: env.Version,
		State: root, Outcomes: b.Digest(), TimeUnixMilli: env.TimeUnixMilli,
	}
	if previous != nil {
		d.Previous = previous.Version()
	}
	ballot := bft.Ballot{Decision: d.ID()}
	return bft.Certificate{
		Format: 1, Kind: bft.Commit, Decision: d,
		Signers: 1, Signatures: []wire.Signature{bft.SignVote(o.key, bft.Commit, ballot)},
	}
}
