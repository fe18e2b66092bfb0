package apitest

import (
	"context"

	"github.com/atollnet/atoll/internal/api"
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
