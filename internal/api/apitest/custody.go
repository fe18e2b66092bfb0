package apitest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// Plan implements api.Backend: what is assumed of many peers.
func (f *Fake) Plan(_ context.Context, r api.PlanRequest) (api.Plan, error) {
	wanted := r.Nines
	if wanted == 0 {
		wanted = 11
	}
	return api.Plan{
		K: 16, N: 32, RepairAt: 28, Enough: 27, SharesPerHolder: 1, HoldersLost: 16, Wanted: float64(wanted), Nines: 12.2,
		Unavailable: 1.3e-9, Stretch: 2, RepairTraffic: 11, Peers: 50, Availability: 0.9, LifetimeDays: 300, RepairHours: 36,
	}, nil
}

// Prune implements api.Backend: the fake forgets nothing, and says what it
// would.
func (f *Fake) Prune(ctx context.Context, r api.PruneRequest) (api.Pruned, error) {
	f.mu.Lock()
	p, err := f.resolve(r.Ref)
	f.mu.Unlock()
	if err != nil {
		return api.Pruned{}, err
	}
	if r.Retention == (api.Retention{}) {
		return api.Pruned{}, errs.Newf("prune", "", errs.Usage, "nothing is said about what to keep")
	}
	newest := int(p.volume.newest())
	kept := min(max(r.Last, 1), newest)
	out := api.Pruned{Object: p.volume.object, Kept: kept, Forgotten: newest - kept}
	if r.Dry {
		return out, nil
	}
	out.Version = uint64(newest)
	out.Collected, err = f.Collect(ctx, api.CollectRequest{Ref: p.volume.petname + ":"})
	return out, err
}

// Retain implements api.Backend: the fake remembers the rules, and forgets
// nothing.
func (f *Fake) Retain(_ context.Context, r api.RetainRequest) (api.Retained, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.resolve(r.Ref)
	if err != nil {
		return api.Retained{}, err
	}
	newest := int(p.volume.newest())
	kept := newest
	if r.Retention != (api.Retention{}) {
		kept = min(max(r.Last, 1), newest)
	}
	if !r.Dry {
		p.volume.retention = r.Retention
	}
	return api.Retained{Petname: p.volume.petname, Object: p.volume.object, Kept: kept, Forgotten: newest - kept}, nil
}

// Collect implements api.Backend.
func (f *Fake) Collect(_ context.Context, r api.CollectRequest) (api.Collected, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.resolve(r.Ref)
	if err != nil {
		return api.Collected{}, err
	}
	return api.Collected{Object: p.volume.object, Extents: 3, Version: p.volume.newest(), FreedBytes: 3 << 20, Holders: 32, Silent: 1}, nil
}

// DeleteVolume implements api.Backend.
func (f *Fake) DeleteVolume(_ context.Context, r api.DeleteVolumeRequest) (api.DeletedVolume, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.resolve(r.Ref)
	if err != nil {
		return api.DeletedVolume{}, err
	}
	if p.path != "" || p.version != p.volume.newest() || strings.Contains(r.Ref, "@") {
		return api.DeletedVolume{}, errs.Newf("delete volume", r.Ref, errs.Usage, "a volume is deleted as a whole")
	}
	out := api.DeletedVolume{Object: p.volume.object, Petnames: []string{p.volume.petname}, Version: p.volume.newest() + 1, FreedBytes: 3 << 20, Holders: 32}
	p.volume.petname, p.volume.deleted = "", true
	return out, nil
}

// Quota implements api.Backend.
func (f *Fake) Quota(context.Context) (api.Quota, error) {
	return api.Quota{
		StoredBytes: 1 << 30, DiskBytes: 5 << 28, QuotaBytes: 4 << 30, FreeBytes: 3 << 30, Shares: 600,
		Authors: []api.Account{{Name: "authorkey", Bytes: 1 << 30, Leases: 600}},
		Objects: []api.Account{{Name: "object1", Bytes: 1 << 30, Leases: 600}},
	}, nil
}

// CheckStore implements api.Backend: one share is damaged.
func (f *Fake) CheckStore(ctx context.Context) (api.StoreReport, error) {
	api.Report(ctx, api.Progress{Phase: "checking", Done: 1 << 29, Total: 1 << 30, Unit: "bytes"})
	return api.StoreReport{
		Shares: 600, Bytes: 1 << 30, Damaged: 1, Told: 1,
		List: []api.DamagedShare{{Extent: "extent1", Share: 7, Error: "another hash"}},
	}, nil
}

// Leave implements api.Backend.
func (f *Fake) Leave(ctx context.Context) (api.LeaveReport, error) {
	api.Report(ctx, api.Progress{Phase: "leaving", Done: 300, Total: 600, Unit: "shares"})
	return api.LeaveReport{Shares: 600, Bytes: 1 << 30, Rings: 3}, nil
}

// Deny implements api.Backend: it takes any text of ten letters or more for an
// id.
func (f *Fake) Deny(_ context.Context, r api.DenyRequest) (api.Denied, error) {
	if len(r.What) < 10 {
		return api.Denied{}, errs.Newf("deny", r.What, errs.Usage, "not an id")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.denials = append(f.denials, api.Denial{ID: r.What, Extent: r.Extent, Since: time.Unix(1_700_000_000, 0).UTC(), Reason: r.Reason})
	return api.Denied{ID: r.What, Extent: r.Extent, Leases: 3, FreedBytes: 3 << 20}, nil
}

// Allow implements api.Backend.
func (f *Fake) Allow(_ context.Context, r api.DenyRequest) (api.Denied, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.IndexFunc(f.denials, func(d api.Denial) bool { return d.ID == r.What && d.Extent == r.Extent })
	if at < 0 {
		return api.Denied{}, errs.Newf("allow", r.What, errs.NotFound, "it is not denied")
	}
	f.denials = slices.Delete(f.denials, at, at+1)
	return api.Denied{ID: r.What, Extent: r.Extent}, nil
}

// Denials implements api.Backend.
func (f *Fake) Denials(context.Context) ([]api.Denial, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]api.Denial{}, f.denials...), nil
}
