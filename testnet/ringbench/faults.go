package ringbench

import (
	"context"
	"fmt"
	"time"

	"github.com/atollnet/atoll/testnet"
)

// silentMember measures what a ring orders while one member says nothing, one
// that follows and then the one that leads, against what it ordered before.
func silentMember(ctx context.Context, b *bench) ([]figure, error) {
	object, authors, err := b.crowd(ctx)
	if err != nil {
		return nil, err
	}
	whole, _, err := crowdRate(ctx, object, authors, b.For)
	if err != nil {
		return nil, err
	}
	figures := []figure{atLeast("all there", whole, 0, "/s")}
	leader := b.index(object.Leader())
	for _, silent := range []struct {
		name string
		peer int
	}{{"a follower silent", (leader + 1) % b.Members}, {"the leader silent", leader}} {
		if err := b.network.Pause(silent.peer); err != nil {
			return nil, err
		}
		// The view changes, if it must, before the first update of this is ordered.
		_, _, err := crowdRate(ctx, object, authors, min(warmTime, b.For))
		rate := 0.0
		if err == nil {
			rate, _, err = crowdRate(ctx, object, authors, b.For)
		}
		if resumeErr := b.network.Resume(ctx, silent.peer); err == nil {
			err = resumeErr
		}
		if err != nil {
			return nil, err
		}
		figures = append(figures, atLeast(silent.name, 100*rate/whole, 70, " %"))
	}
	return figures, nil
}

// leadersKilled is how often the leader is killed.
const leadersKilled = 3

// killedLeader measures how long nothing is ordered when the leader dies.
func killedLeader(ctx context.Context, b *bench) ([]figure, error) {
	object, err := b.found(ctx)
	if err != nil {
		return nil, err
	}
	authors, err := object.Authors(ctx, 1)
	if err != nil {
		return nil, err
	}
	var took []time.Duration
	for range leadersKilled {
		if _, err := inSequence(ctx, authors[0], warmUpdates, 0); err != nil {
			return nil, err
		}
		leader := b.index(object.Leader())
		began := time.Now()
		if err := b.network.Kill(leader); err != nil {
			return nil, err
		}
		if _, err := inSequence(ctx, authors[0], 1, 0); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		if err := b.network.Start(ctx, leader); err != nil {
			return nil, err
		}
	}
	took = sorted(took)
	return []figure{
		atMost("next commit, longest", took[len(took)-1], 2500*time.Millisecond),
		atMost("shortest", took[0], 0),
	}, nil
}

// idleFirsts is of how many objects the first update after idling is measured.
const idleFirsts = 20

// idleObjects measures what objects cost that nobody writes: against the first
// member before they are there. Of the processor the whole is held against the
// target, as a peer that has just started takes more by itself than later: the
// difference would make them look cheaper than they are.
func idleObjects(ctx context.Context, b *bench) ([]figure, error) {
	without, before, diskBefore, err := b.rest(ctx)
	if err != nil {
		return nil, err
	}
	objects, err := b.foundMany(ctx, b.Idle)
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, b.Settle); err != nil {
		return nil, err
	}
	with, after, disk, err := b.rest(ctx)
	if err != nil {
		return nil, err
	}
	var firsts []time.Duration
	firstsOf := min(idleFirsts, len(objects))
	for i := range firstsOf {
		took, err := inSequence(ctx, objects[i*len(objects)/firstsOf].Owner, 1, 0)
		if err != nil {
			return nil, err
		}
		firsts = append(firsts, took...)
	}
	firsts = sorted(firsts)
	// Targets are for ten thousand.
	perTarget := func(whole float64) float64 { return whole * float64(b.Idle) / 10_000 }
	return []figure{
		below("disk", mib(disk-diskBefore), perTarget(80), " MiB"),
		below("memory", mib(after.ResidentBytes-before.ResidentBytes), perTarget(20), " MiB"),
		below("CPU while idle", with, 1, " %"),
		below("CPU before, without them", without, 0, " %"),
		atMost("first update, longest", firsts[len(firsts)-1], 20*time.Millisecond),
		atMost("median", quantile(firsts, 0.5), 0),
	}, nil
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// rest returns what share of a core, in percent, the first member takes while
// nothing is asked of it, and what it takes of memory and disk then.
func (b *bench) rest(ctx context.Context) (percent float64, u testnet.Usage, disk int64, err error) {
	before, _, err := b.holds(0)
	if err != nil {
		return 0, u, 0, err
	}
	if err := wait(ctx, b.Settle); err != nil {
		return 0, u, 0, err
	}
	u, disk, err = b.holds(0)
	return 100 * (u.CPUSeconds - before.CPUSeconds) / b.Settle.Seconds(), u, disk, err
}

// holds returns what a member takes of memory, processor and disk.
func (b *bench) holds(member int) (u testnet.Usage, disk int64, err error) {
	if u, err = b.network.Usage(member); err != nil {
		return u, 0, err
	}
	disk, err = diskBytes(b.peers[member].Dir)
	return u, disk, err
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func progressText(done, all int) string { return fmt.Sprintf("%d of %d objects founded", done, all) }
