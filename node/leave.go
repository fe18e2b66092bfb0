package node

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/store"
)

const (
	// leaveEvery is how often custodians are told that this peer leaves, so that
	// they go on with it and its user sees them do; at first it is sooner, as
	// little is moved at once.
	leaveEvery = 5 * time.Second
	leaveSoon  = 250 * time.Millisecond
	// leavePatienceDefault is how long nothing moves before what is left counts
	// as staying.
	leavePatienceDefault = 3 * time.Minute
	// leavePlaces is how many shares are told of together.
	leavePlaces = 4096
	// leaveRingMax is how long the other members of a ring may take to replace
	// this one.
	leaveRingMax = time.Minute
)

// errLeaving is said to those who want this peer in a ring.
var errLeaving = errs.Newf("reserve ring key", "", errs.Full, "this peer leaves the network")

// departure is how a peer leaves the network.
type departure struct {
	one      sync.Mutex  // held by whoever has it leave
	leaving  atomic.Bool // it takes nothing new
	patience time.Duration
}

// freeBytes is how much more this peer takes.
func (n *Node) freeBytes() uint64 {
	if n.departure.leaving.Load() {
		return 0
	}
	return n.shares.Usage().FreeBytes
}

// Leave implements api.Backend.
func (b backend) Leave(ctx context.Context) (report api.LeaveReport, err error) {
	if !b.departure.one.TryLock() {
		return report, errs.Newf("leave", "", errs.Conflict, "this peer is leaving already")
	}
	defer b.departure.one.Unlock()
	b.departure.leaving.Store(true)
	defer func() {
		if err != nil || report.SharesLeft+report.RingsLeft > 0 {
			b.departure.leaving.Store(false)
		}
	}()
	report.Bytes = int64(b.shares.Usage().StoredBytes)
	if err := b.leaveShares(ctx, &report); err != nil {
		return report, err
	}
	return report, b.leaveRings(ctx, &report)
}

// patiently goes round after round until nothing is left, or nothing has become
// less for too long.
func (b backend) patiently(ctx context.Context, round func() (left int, err error)) error {
	least, since := -1, time.Now()
	for wait := leaveSoon; ; wait = min(2*wait, leaveEvery) {
		left, err := round()
		if err != nil {
			return err
		}
		if least < 0 || left < least {
			least, since = left, time.Now()
		}
		if left == 0 || time.Since(since) >= b.departure.patience {
			return nil
		}
		sleep(ctx, wait)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// leaveShares has custodians move what this peer holds.
func (b backend) leaveShares(ctx context.Context, report *api.LeaveReport) error {
	return b.patiently(ctx, func() (int, error) {
		total, left, objects, err := b.leaveRound(ctx)
		report.Shares = max(report.Shares, total)
		report.SharesLeft, report.ObjectsLeft = left, objects
		return left, err
	})
}

// leaveRound tells all custodians once, and returns how many shares there are
// and of how many, and of how many objects, somebody still needs this peer.
func (b backend) leaveRound(ctx context.Context) (total, left, objects int, err error) {
	var mu sync.Mutex
	needed := make(map[wire.ObjectID]bool)
	tell := func(ctx context.Context, object wire.ObjectID, extents []wire.ExtentID) []bool {
		settled, err := b.notifyCustodians(ctx, object, true, extents)
		if err != nil {
			b.log.Info("leaving: a custodian could not be told", "object", object.String(), "error", err)
			settled = make([]bool, len(extents))
		}
		mu.Lock()
		defer mu.Unlock()
		for _, is := range settled {
			if !is {
				needed[object] = true
			}
		}
		api.Report(ctx, api.Progress{Phase: "leaving", Unit: "shares"}) // it goes on
		return settled
	}
	for from := (store.Place{}); ; {
		places, err := b.shares.Places(from, leavePlaces)
		if err != nil || len(places) == 0 {
			b.sayLeaving(ctx, total, left)
			return total, left, len(needed), err
		}
		from = places[len(places)-1].Next()
		total += len(places)
		b.eachObject(ctx, places, tell, func(_ store.Place, settled bool) {
			if !settled {
				left++
			}
		})
		if ctx.Err() != nil {
			return total, left, len(needed), context.Cause(ctx)
		}
	}
}

func (b backend) sayLeaving(ctx context.Context, total, left int) {
	api.Report(ctx, api.Progress{Phase: "leaving", Done: int64(total - left), Total: int64(total), Unit: "shares"})
}

// ringsAtOnce is how many rings are left at the same time.
const ringsAtOnce = 4

// leaveRings has the other members of each ring replace this one. Who is the
// only member is not replaced: its owner must do that.
func (b backend) leaveRings(ctx context.Context, report *api.LeaveReport) error {
	return b.patiently(ctx, func() (int, error) {
		var c ringCount
		err := b.leaveRingsOnce(ctx, &c)
		report.Rings = max(report.Rings, c.left+c.stay+c.alone)
		report.RingsLeft = c.stay + c.alone
		return c.stay, err // it is of no use to wait for those that it is alone in
	})
}

// ringCount counts the rings that a peer was in when it asked to be replaced.
type ringCount struct {
	left  int
	stay  int // it is a member still
	alone int // nobody can replace it
}

func (b backend) leaveRingsOnce(ctx context.Context, c *ringCount) error {
	for at := (wire.ObjectID{}); ; {
		rings, err := b.rings.RingsAfter(at, ringsPerTick)
		if err != nil || len(rings) == 0 {
			return err
		}
		at = rings[len(rings)-1].Object
		b.leaveSome(ctx, rings, c)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// leaveSome has this peer replaced in rings, some at a time.
func (b backend) leaveSome(ctx context.Context, rings []bft.RingCert, c *ringCount) {
	var mu sync.Mutex
	var leaving sync.WaitGroup
	slots := make(chan struct{}, ringsAtOnce)
	for _, ring := range rings {
		if ring.Faults() == 0 {
			c.alone++
			continue
		}
		slots <- struct{}{}
		leaving.Go(func() {
			defer func() { <-slots }()
			stays, err := b.leaveRing(ctx, ring.Object)
			if err != nil {
				b.log.Info("leaving: this peer is not replaced yet", "object", ring.Object.String(), "error", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if stays {
				c.stay++
			} else {
				c.left++
			}
			api.Report(ctx, api.Progress{Phase: "leaving", Done: int64(c.left), Unit: "rings"})
		})
	}
	leaving.Wait()
}

// leaveRing has this peer replaced in one ring, and reports whether it still is a
// member. A ring whose object is deleted needs none.
func (b backend) leaveRing(ctx context.Context, object wire.ObjectID) (stays bool, err error) {
	if k, here, err := b.ring.local(object); err != nil || here && isDeleted(k.head) {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, leaveRingMax)
	defer cancel()
	if err := b.replaceSilent(ctx, object, b.host.Self()); err != nil {
		return true, err
	}
	k, err := b.ring.newest(ctx, object)
	return err != nil || k.verified.Ring.Index(b.host.Self()) >= 0, err
}
