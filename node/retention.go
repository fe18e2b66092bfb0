package node

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/envelope"
)

const (
	// retainEvery is how often a volume is pruned by its rules of retention, and
	// retainAgain after what time it is tried again when that failed.
	retainEvery = 24 * time.Hour
	retainAgain = 10 * time.Minute
)

// keepOf is what the rules of a request keep.
func keepOf(r api.Retention) objects.Keep {
	return objects.Keep{
		Last: r.Last, Hourly: r.Hourly, Daily: r.Daily, Weekly: r.Weekly, Monthly: r.Monthly, Yearly: r.Yearly,
		Within: time.Duration(min(r.WithinSeconds, math.MaxInt64/int64(time.Second))) * time.Second,
	}
}

// kept are rules as the keyring holds them.
func kept(r api.Retention) (envelope.Retention, error) {
	for _, n := range []int64{int64(r.Last), int64(r.Hourly), int64(r.Daily), int64(r.Weekly), int64(r.Monthly), int64(r.Yearly), r.WithinSeconds} {
		if n < 0 {
			return envelope.Retention{}, errs.Newf("retain", "", errs.Usage, "nothing can be kept %d times", n)
		}
	}
	return envelope.Retention{
		Last: uint64(r.Last), Hourly: uint64(r.Hourly), Daily: uint64(r.Daily), Weekly: uint64(r.Weekly),
		Monthly: uint64(r.Monthly), Yearly: uint64(r.Yearly), WithinSeconds: uint64(r.WithinSeconds),
	}, nil
}

// shownRetention is the opposite of kept; nil for none.
func shownRetention(r envelope.Retention) *api.Retention {
	if r.IsEmpty() {
		return nil
	}
	n := func(n uint64) int { return int(min(n, math.MaxInt)) }
	return &api.Retention{
		Last: n(r.Last), Hourly: n(r.Hourly), Daily: n(r.Daily), Weekly: n(r.Weekly), Monthly: n(r.Monthly), Yearly: n(r.Yearly),
		WithinSeconds: int64(r.WithinSeconds),
	}
}

// own returns the user's own volume of an object.
func (v *volumes) own(object wire.ObjectID) (envelope.Volume, error) {
	for _, v := range v.list() {
		if v.Object == object && v.Own() {
			return v, nil
		}
	}
	err := errs.New("retain", object.String(), errs.Refused, errors.New("it is not your own, or has no petname here"))
	return envelope.Volume{}, errs.Hint(err, "peerctl volumes lists your own; only their owner's peer can forget versions")
}

// Retain implements api.Backend.
func (b backend) Retain(ctx context.Context, r api.RetainRequest) (api.Retained, error) {
	rules, err := kept(r.Retention)
	if err != nil {
		return api.Retained{}, err
	}
	_, p, err := b.place(ctx, r.Ref, false)
	if err != nil {
		return api.Retained{}, err
	}
	v, err := b.volumes.own(p.Object)
	if err != nil {
		return api.Retained{}, err
	}
	keep := keepOf(r.Retention)
	if rules.IsEmpty() {
		keep.Last = math.MaxInt
	}
	f, err := b.gateway.Prune(ctx, p.Object, keep, true)
	out := api.Retained{Petname: v.Petname, Object: p.Object.String(), Kept: f.Kept, Forgotten: f.Forgotten}
	if err != nil || r.Dry {
		return out, err
	}
	err = b.volumes.change(func(k *envelope.Keyring) error {
		_, err := k.Retain(v.Petname, rules)
		return err
	})
	if err == nil {
		b.retention.changed()
	}
	return out, err
}

// retention is what has been pruned by rules.
type retention struct {
	wake   chan struct{} // capacity 1: a volume has new rules
	pruned map[wire.ObjectID]pruning
}

// pruning is the last time that a volume was pruned by rules, or was to be.
type pruning struct {
	rules envelope.Retention
	again time.Time
}

func newRetention() *retention {
	return &retention{wake: make(chan struct{}, 1), pruned: make(map[wire.ObjectID]pruning)}
}

// changed has new rules looked at now.
func (r *retention) changed() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// due returns the volumes whose rules are new, or were followed a day ago, and
// forgets about those that have none.
func (r *retention) due(volumes []envelope.Volume, now time.Time) (due []envelope.Volume) {
	ruled := make(map[wire.ObjectID]pruning)
	for _, v := range volumes {
		if !v.Own() || v.Retention.IsEmpty() {
			continue
		}
		last, known := r.pruned[v.Object]
		if !known || last.rules != v.Retention || !now.Before(last.again) {
			due = append(due, v)
		}
		ruled[v.Object] = last
	}
	r.pruned = ruled
	return due
}

// retain prunes the user's own volumes by their rules, one after another.
func (n *Node) retain(ctx context.Context) error {
	tick := time.NewTicker(uptimeTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-n.retention.wake:
		}
		for _, v := range n.retention.due(n.volumes.list(), time.Now()) {
			again := retainEvery
			if err := n.pruneByRules(ctx, v); err != nil && ctx.Err() == nil {
				n.log.Warn("pruning by a volume's rules; it is tried again", "volume", v.Petname+":", "error", err)
				again = retainAgain
			}
			n.retention.pruned[v.Object] = pruning{v.Retention, time.Now().Add(again)}
		}
	}
}

// pruneByRules forgets what the rules do not keep. It collects after a start
// too: whoever ended in between has forgotten versions and released nothing.
func (n *Node) pruneByRules(ctx context.Context, v envelope.Volume) error {
	before := !n.retention.pruned[v.Object].again.IsZero()
	f, err := n.gateway.Prune(ctx, v.Object, keepOf(*shownRetention(v.Retention)), false)
	if errors.Is(err, objects.ErrDeleted) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.Forgotten == 0 && before {
		return nil
	}
	c, err := backend{n}.collect(ctx, v.Object)
	n.log.Info("pruned by a volume's rules", "volume", v.Petname+":", "kept", f.Kept, "forgotten", f.Forgotten, "extents", c.Extents, "freed", c.FreedBytes)
	return err
}
