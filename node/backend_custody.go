package node

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/plan"
)

const daysPerYear = 365.25

// goal is what is wanted of the redundancy and known of the peers: what the
// keeper has measured, once that was for a week. It is rounded, so that plans
// are not made anew for every second of it.
func (n *Node) goal() plan.Goal {
	goal := plan.DefaultGoal()
	if availability, lifetime, ok := n.keeper.Measured().Figures(); ok {
		goal.Availability = math.Round(availability*100) / 100
		goal.LifetimeDays = math.Round(lifetime/10) * 10
	}
	return goal
}

func checkNines(nines int) error {
	if nines < 0 || nines > api.NinesMax {
		return errs.Newf("plan", "", errs.Usage, "%d nines; 1 to %d can be asked for", nines, api.NinesMax)
	}
	return nil
}

// Plan implements api.Backend.
func (b backend) Plan(_ context.Context, r api.PlanRequest) (api.Plan, error) {
	if err := checkNines(r.Nines); err != nil {
		return api.Plan{}, err
	}
	goal := b.gateway.Assumed()
	if r.Nines > 0 {
		goal.NinesPerYear = float64(r.Nines)
	}
	p := plan.Plan(goal)
	_, _, measured := b.keeper.Measured().Figures()
	return api.Plan{
		K: p.K, N: p.N, RepairAt: p.RepairAt, Enough: p.Enough, SharesPerHolder: p.SharesPerHolder, HoldersLost: p.HoldersLost,
		Wanted: goal.NinesPerYear, Nines: p.Nines, Unavailable: p.Unavailability, Stretch: float64(p.N) / float64(p.K),
		RepairTraffic: plan.RepairTraffic(p.K, p.N, p.RepairAt-p.K) * daysPerYear / goal.LifetimeDays,
		Peers:         goal.Peers, Availability: goal.Availability, LifetimeDays: goal.LifetimeDays, RepairHours: goal.RepairHours,
		Measured: measured,
	}, nil
}

// mend rebuilds what nobody proves of an object, if it is in custody here.
func (b backend) mend(ctx context.Context, object wire.ObjectID) (rebuilt int, err error) {
	rebuilt, err = b.keeper.Mend(ctx, object, func(done, total int) {
		api.Report(ctx, api.Progress{Phase: "repairing", Done: int64(done), Total: int64(total), Unit: "extents"})
	})
	switch errs.KindOf(err) {
	case errs.NotFound:
		return 0, errs.Hint(errs.New("repair", object.String(), errs.Refused, errors.New("holders obey its owner and the members of its ring, and this peer is neither")),
			"ask its owner; peerctl ring tells the members")
	case errs.TooFew, errs.Full, errs.Damaged:
		api.Note(ctx, "%v", err)
		return rebuilt, nil // the check says how it is
	}
	return rebuilt, err
}

// figures adds what custody knows to a report, and sorts it by need.
func (b backend) figures(object wire.ObjectID, r *api.CheckReport) {
	safe := 1.0
	for i := range r.Extents {
		x := &r.Extents[i]
		safe *= 1 - x.Risk
		if id, err := wire.ParseExtentID(x.Extent); err == nil {
			if when, ok := b.keeper.Audited(object, id); ok {
				x.Audited = &when
			}
		}
		r.Risk += x.Risk
	}
	r.Risk = min(r.Risk, 1)
	if r.Risk > 0.01 {
		r.Risk = 1 - safe // the sum is exact only for rare losses
	}
	slices.SortStableFunc(r.Extents, func(a, b api.ExtentReport) int { return (a.Alive - a.K) - (b.Alive - b.K) })
}

// isUnarchived reports whether versions of an object that this peer orders are
// archived by no member of its ring. What another has archived is taken over
// first: that happens at leisure otherwise.
func (b backend) isUnarchived(ctx context.Context, object wire.ObjectID) (bool, error) {
	pending, err := b.ring.archiver.Pending(object)
	if err != nil || !pending {
		return false, err
	}
	k, here, err := b.ring.local(object)
	if err != nil || !here {
		return false, err
	}
	for _, m := range b.ring.inOrder(k) {
		if m == b.host.Self() || !b.Answers(m) || b.adopt(ctx, object, m) != nil {
			continue
		}
		if pending, err = b.ring.archiver.Pending(object); err != nil || !pending {
			return false, err
		}
	}
	// The member that archived it may have died since; its head lies in the DHT.
	if err := b.adoptPublished(ctx, object); err != nil {
		return true, context.Cause(ctx)
	}
	return b.ring.archiver.Pending(object)
}
