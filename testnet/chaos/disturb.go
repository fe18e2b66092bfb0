package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/testnet"
	"golang.org/x/sync/errgroup"
)

// event is a breakage as it happened.
type event struct {
	at time.Duration // since the trial began
	breakage
	peers  []int
	mended time.Duration
}

// goOnMax is how long after the last thing was mended every client must have had
// something acknowledged.
const goOnMax = time.Minute

// disturb lets clients work while things break, and for as long afterwards as
// it takes each of them to get one thing done with everything whole.
func (t *trial) disturb(ctx context.Context) error {
	work, stop := context.WithCancel(ctx)
	defer stop()
	clients, work := errgroup.WithContext(work)
	t.began = time.Now()
	t.appends.began = t.began
	t.appends.run(clients, work)
	clients.Go(func() error { return t.files.run(work) })

	broken := t.breakAll(work)
	t.Line.Show("wait for every client to go on")
	if broken == nil {
		broken = t.goOn(work)
	}
	stop()
	if err := clients.Wait(); err != nil && ctx.Err() == nil && errs.KindOf(err) != errs.Interrupted {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return broken
}

// breakAll breaks and mends one thing after another.
func (t *trial) breakAll(ctx context.Context) error {
	next := plan(t.Seed)
	for {
		b := next()
		if t.since()+b.after >= t.For && len(t.events) > 0 {
			return nil
		}
		if err := sleep(ctx, b.after); err != nil {
			return err
		}
		if err := t.breakOne(ctx, b); err != nil {
			return errs.Wrap("break and mend", b.whom.String(), err)
		}
	}
}

func (t *trial) breakOne(ctx context.Context, b breakage) error {
	peers, err := t.targets(ctx, b)
	if err != nil {
		return err
	}
	e := event{at: t.since(), breakage: b, peers: peers}
	t.Line.Show(fmt.Sprintf("%s: %s %s for %v", b.whom, t.names(peers), b.way, b.last.Round(time.Millisecond)))
	undo, err := t.apply(b.way, peers)
	if err != nil {
		return err
	}
	sleepErr := sleep(ctx, b.last)
	if err := undo(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	e.mended = t.since()
	t.events = append(t.events, e)
	return sleepErr
}

// apply breaks peers and returns what mends them.
func (t *trial) apply(w way, peers []int) (undo func(context.Context) error, err error) {
	n := t.network
	switch w {
	case kill:
		return func(ctx context.Context) error { return n.Start(ctx, peers...) }, n.Kill(peers...)
	case pause:
		return func(ctx context.Context) error { return n.Resume(ctx, peers...) }, n.Pause(peers...)
	}
	return func(ctx context.Context) error { return n.Mend(ctx, peers...) }, n.Cut(peers...)
}

// targets returns the peers that a breakage is about, as things stand now.
func (t *trial) targets(ctx context.Context, b breakage) ([]int, error) {
	switch b.whom {
	case logLeader:
		return []int{t.index(t.log.Leader())}, nil
	case logRing:
		return t.indexes(t.log.Members()), nil
	case logMember:
		all := t.indexes(t.log.Members())
		return []int{all[b.pick%len(all)]}, nil
	}
	members, err := t.files.members(ctx)
	if err != nil {
		return nil, err
	}
	// The peer that the files' user talks to stays: he is on it.
	all := slices.DeleteFunc(t.indexes(members), func(i int) bool { return i == t.Peers-1 })
	return []int{all[b.pick%len(all)]}, nil
}

func (t *trial) index(p wire.PeerID) int {
	return slices.IndexFunc(t.peers, func(q testnet.Peer) bool { return q.ID == p.String() })
}

func (t *trial) indexes(peers []wire.PeerID) []int {
	all := make([]int, len(peers))
	for i, p := range peers {
		all[i] = t.index(p)
	}
	return all
}

func (t *trial) names(peers []int) string {
	var names []string
	for _, p := range peers {
		names = append(names, t.name(p))
	}
	return strings.Join(names, " ")
}

// goOn waits until every client has had something acknowledged since now.
func (t *trial) goOn(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, goOnMax, errs.Newf("wait for clients", "", errs.NoQuorum, "not all of them go on within %v of the last thing being mended", goOnMax))
	defer cancel()
	appended, stored := t.appends.counts(), t.files.count()
	for {
		now := t.appends.counts()
		if t.files.count() > stored && !slices.ContainsFunc(indexesOf(now), func(i int) bool { return now[i] == appended[i] }) {
			return nil
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func indexesOf[T any](s []T) []int {
	all := make([]int, len(s))
	for i := range all {
		all[i] = i
	}
	return all
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
