package update

import (
	"context"
	"errors"
	"slices"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

const (
	// UpdateOperationsMax is the budget of one update: keys that it reads or
	// writes, those of the clauses that failed included. Copying or deleting a
	// file costs one for each block, so one of 100 GiB is within it.
	UpdateOperationsMax = 1 << 18
	// BatchOperationsMax is the budget of a version. What does not fit is
	// refused with ReasonBusy and may be sent again.
	BatchOperationsMax = 1 << 19
)

// Env is what the ring agreed on besides the updates themselves.
type Env struct {
	Object        wire.ObjectID
	Version       wire.Version // the one to be made; the state is that of the version before
	TimeUnixMilli int64        // of the version
	// Ring orders the version, and Previous is the decision before. The zero
	// ring is for objects that no ring orders; they cannot be reconfigured.
	Ring     bft.RingCert
	Previous wire.VersionID
}

// Result is a new version.
type Result struct {
	Root     wire.NodeHash
	Nodes    []tree.Node // new, children before their parents
	Outcomes []Outcome   // one for each update, in their order; with NextRing, up to the one that made it
	// NextRing orders from the next version on; nil: the same ring. The update
	// that makes it is the last of its version.
	NextRing *bft.RingCert
}

// Apply makes a version of a batch of updates, tried in their order. A nil
// update stands for bytes that did not parse. There is a new version whatever
// becomes of the updates. The error is that of reading the state: the same
// state, environment and updates give the same result everywhere.
func Apply(ctx context.Context, state *tree.Map, env Env, updates []*Signed) (Result, error) {
	if IsDeleted(state.Root()) {
		return Result{Root: state.Root(), Outcomes: refusedAll(env, len(updates))}, nil
	}
	b := &batch{ctx: ctx, env: env, state: state, next: state.Edit(env.Version), left: BatchOperationsMax}
	outcomes := make([]Outcome, 0, len(updates))
	if err := b.noteRing(); err != nil {
		return Result{}, err
	}
	for _, u := range updates {
		o, err := b.try(u)
		if err != nil {
			return Result{}, err
		}
		outcomes = append(outcomes, o)
		if b.ended {
			return deleted(append(outcomes, refusedAll(env, len(updates)-len(outcomes))...)), nil
		}
		if b.ring != nil {
			break
		}
	}
	if err := b.finish(); err != nil {
		return Result{}, err
	}
	root, nodes, err := b.next.Commit(ctx)
	return Result{root, nodes, outcomes, b.ring}, err
}

// batch is a version in the making.
type batch struct {
	ctx     context.Context
	env     Env
	state   *tree.Map    // the version before
	next    *tree.Editor // with all updates so far
	left    int          // of the budget
	applied []wire.PublicKey
	ring    *bft.RingCert // that orders from the next version on
	ended   bool          // the object is deleted
}

// get reads and parses a value of the version in the making.
func get[T any](ctx context.Context, r tree.Reader, key []byte, parse func([]byte) (T, error)) (v T, found bool, err error) {
	e, found, err := r.Get(ctx, key)
	if err != nil || !found {
		return v, false, err
	}
	v, err = parse(e.Value)
	return v, true, err
}

// try executes one update, unless it must be refused.
func (b *batch) try(u *Signed) (Outcome, error) {
	o, err := b.outcome(u)
	if o.Version == 0 {
		o.Version = b.env.Version
	}
	return o, err
}

func (b *batch) outcome(u *Signed) (Outcome, error) {
	if u == nil {
		return refused(ReasonMalformed), nil
	}
	if u.Object != b.env.Object {
		return refused(ReasonWrongObject), nil
	}
	writer, known, err := get(b.ctx, b.next, WriterKey(u.Author), ParseWriter)
	if err != nil {
		return Outcome{}, err
	}
	if !known && !b.agreed(u) {
		return refused(ReasonNotAllowed), nil
	}
	if err := u.Verify(); err != nil {
		return refused(verifyReason(err)), nil
	}
	window, _, err := get(b.ctx, b.next, SessionKey(u.Author, u.Session), ParseSessionWindow)
	if err != nil {
		return Outcome{}, err
	}
	if first, seen := window.seen(u); seen {
		return first, nil
	}
	if reason := b.timely(u); reason != ReasonNone {
		return refused(reason), nil
	}
	o, err := b.execute(u, writer)
	if err != nil || o.Status == Refused {
		return o, err
	}
	if o.Status == Applied {
		b.applied = append(b.applied, u.Author)
	}
	return o, b.remember(u, window, o)
}

func verifyReason(err error) Reason {
	if errors.Is(err, wire.ErrSignature) {
		return ReasonSignature
	}
	return ReasonMalformed
}

// timely checks Until: an update must not be executed when the session that
// would remember it could be gone before it expires.
func (b *batch) timely(u *Signed) Reason {
	switch {
	case u.Until < b.env.Version:
		return ReasonExpired
	case u.Until-b.env.Version > SessionVersions:
		return ReasonMalformed
	}
	return ReasonNone
}

// execute tries the clauses in order. A clause that fails leaves nothing.
func (b *batch) execute(u *Signed, writer Writer) (Outcome, error) {
	o := Outcome{Status: Aborted, Version: b.env.Version}
	budget := min(UpdateOperationsMax, b.left)
	left := budget
	defer func() { b.left -= budget - left }()
	for i := range u.Clauses {
		c := newClause(b, u, writer, &left)
		err := c.run(&u.Clauses[i])
		if err == nil {
			b.next.Merge(c.next)
			b.ring, b.ended = c.ring, c.ends
			o.Status, o.Clause, o.Reason = Applied, uint32(i), ReasonNone
			return o, nil
		}
		var failed failure
		if !errors.As(err, &failed) {
			return Outcome{}, err
		}
		o.Clause, o.Reason = uint32(i), Reason(failed)
		if o.Reason == ReasonOverBudget {
			break
		}
	}
	if o.Reason == ReasonOverBudget && budget < UpdateOperationsMax {
		return refused(ReasonBusy), nil
	}
	return o, nil
}

// remember records the outcome in the session.
func (b *batch) remember(u *Signed, window SessionWindow, o Outcome) error {
	if len(window.Records) > 0 {
		b.next.Delete(ageKey(window.Latest, u.Author, u.Session))
	}
	window.record(u, o)
	if err := b.next.Set(SessionKey(u.Author, u.Session), window.Encode()); err != nil {
		return err
	}
	return b.next.Set(ageKey(window.Latest, u.Author, u.Session), nil)
}

// finish does what every version does, whatever its updates were.
func (b *batch) finish() error {
	if err := b.forgetSessions(); err != nil {
		return err
	}
	content, err := b.contentChanged()
	if err != nil {
		return err
	}
	if err := b.completeParent(); err != nil {
		return err
	}
	info := VersionInfo{TimeUnixMilli: b.env.TimeUnixMilli, Content: content, Authors: b.authors()}
	return b.next.Set(VersionKey(b.env.Version), info.Encode())
}

// forgetSessions removes the sessions that have not been used for
// SessionVersions. They are at most as many as one batch has updates, since
// each version removes those of one.
func (b *batch) forgetSessions() error {
	if b.env.Version <= SessionVersions {
		return nil
	}
	hi := key(kindAge, wire.Uint64(uint64(b.env.Version-SessionVersions)))
	var old [][]byte
	for e, err := range b.next.Scan(b.ctx, []byte{kindAge}, hi) {
		if err != nil {
			return err
		}
		old = append(old, e.Key)
	}
	for _, k := range old {
		author, session, err := parseAgeKey(k)
		if err != nil {
			return err
		}
		b.next.Delete(k)
		b.next.Delete(SessionKey(author, session))
	}
	return nil
}

// contentChanged reports whether the batch touched a directory, file or block.
func (b *batch) contentChanged() (bool, error) {
	for _, kind := range []byte{kindBlock, kindDir, kindFile} {
		lo, hi := prefixRange([]byte{kind})
		changed, err := b.next.ChangedSince(b.ctx, lo, hi, b.env.Version-1)
		if changed || err != nil {
			return changed, err
		}
	}
	return false, nil
}

// completeParent fills in the root of the version before, which that version
// could not hold itself.
func (b *batch) completeParent() error {
	k := VersionKey(b.env.Version - 1)
	info, found, err := get(b.ctx, b.next, k, ParseVersionInfo)
	if err != nil || !found {
		return err
	}
	info.Root = b.state.Root()
	return b.next.Set(k, info.Encode())
}

// authors lists those whose updates were applied, each once.
func (b *batch) authors() []wire.PublicKey {
	var list []wire.PublicKey
	for _, a := range b.applied {
		if !slices.Contains(list, a) && len(list) < VersionAuthorsMax {
			list = append(list, a)
		}
	}
	return list
}
