package demo

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
)

const (
	// healMax is how long the peers may take to find out who is dead, 20 s of it,
	// and to rebuild what they held.
	healMax = 3 * time.Minute
	// healPoll is how often somebody asks.
	healPoll = 2 * time.Second
)

// spare lets one member of the ring live, should the draw have all of them and
// the owner die: then nobody would be left to repair.
func (r *run) spare(ctx context.Context) error {
	of, err := ringOf(ctx, r.user(r.plan.putter), "home:")
	if err != nil {
		return err
	}
	peers, err := r.network.Peers()
	if err != nil {
		return err
	}
	var members []int
	for _, m := range of.Members {
		i := slices.IndexFunc(peers, func(p testnet.Peer) bool { return p.ID == m.Peer })
		if i >= 0 && i != r.plan.putter {
			members = append(members, i)
		}
		if !slices.Contains(r.plan.dead, i) {
			return nil
		}
	}
	if len(members) == 0 || len(r.plan.later) == 0 {
		return nil
	}
	i := slices.Index(r.plan.dead, members[0])
	r.plan.dead[i], r.plan.later[0] = r.plan.later[0], r.plan.dead[i]
	slices.Sort(r.plan.dead)
	return nil
}

// heal returns when a check of everything that was stored finds it whole.
func heal(ctx context.Context, r *run) (done, error) {
	if len(r.plan.later) == 0 {
		return done{result: "not with so few peers"}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, healMax)
	defer cancel()
	asked := 0
	for _, it := range []item{r.tree, r.file} {
		for {
			asked++
			short, err := isShort(ctx, r.user(r.plan.getter), it.reference)
			if err != nil {
				return done{}, err
			}
			if !short {
				break
			}
			select {
			case <-time.After(healPoll):
			case <-ctx.Done():
				return done{}, errs.Newf("heal", "", errs.TooFew, "not whole after %v", healMax)
			}
		}
	}
	return done{bytes: r.tree.bytes + r.file.bytes, peers: r.Peers - len(r.plan.dead), result: fmt.Sprintf("whole, by check %d", asked)}, nil
}

// isShort asks the holders of what a reference names. Any failure but that
// something has too few shares is an error.
func isShort(ctx context.Context, u testnet.User, reference string) (bool, error) {
	_, err := u.Run(ctx, "check", reference)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == errs.TooFew.ExitCode() {
		return true, nil
	}
	return false, err
}

func killMore(_ context.Context, r *run) (done, error) {
	if len(r.plan.later) == 0 {
		return done{result: "nobody"}, nil
	}
	return done{peers: len(r.plan.later)}, r.network.Kill(r.plan.later...)
}

// getAgain fetches the file through a peer that has not seen it.
func getAgain(ctx context.Context, r *run) (done, error) {
	r.file.fetched = r.path("fetched", "again")
	err := r.user(r.plan.third).Get(ctx, r.file.reference, r.file.fetched)
	return done{bytes: r.file.bytes, peers: r.Peers - len(r.plan.dead) - len(r.plan.later), memory: r.peakMemory(r.plan.third)}, err
}
