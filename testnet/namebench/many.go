package namebench

import (
	"context"
	"fmt"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
)

// publishMax is how long the first publication of many names is watched.
const publishMax = time.Minute

// many has one peer keep very many names published, and watches what that costs:
// how fast they are put at first, then a part of the sweep that puts them again.
func many(ctx context.Context, b *bench) ([]figure, error) {
	c := b.client(owner)
	defer c.Close()
	hold := api.NameChangeRequest{Op: "import", Name: label, Data: []string{master("many", b.Many)}, Hold: true}
	if _, err := c.NameChange(ctx, hold); err != nil {
		return nil, err
	}
	perSecond, err := b.firstPublication(ctx)
	if err != nil {
		return nil, err
	}
	// A peer that has just started puts all its records again, after it has looked
	// around for some seconds.
	if err := b.network.Kill(owner); err != nil {
		return nil, err
	}
	if err := b.network.Start(ctx, owner); err != nil {
		return nil, err
	}
	if err := pause(ctx, b.Settle); err != nil {
		return nil, err
	}
	before, err := b.network.Usages()
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, b.Watch); err != nil {
		return nil, err
	}
	after, err := b.network.Usages()
	if err != nil {
		return nil, err
	}
	cpu := spent(before, after, b.Watch)
	idle := quantile(append(cpu[:owner:owner], cpu[owner+1:]...), .5)
	sent := float64(after[owner].WrittenBytes-before[owner].WrittenBytes) / b.Watch.Seconds() / 1000
	what := fmt.Sprintf("%d names of one peer, ", b.Many)
	return []figure{
		atLeast(what+"put a second at first", perSecond, 0, ""),
		atMost(what+"republishing, CPU beyond that of others, of one core", max(0, 100*(cpu[owner]-idle)), 2, " %"),
		atMost("  written, to sockets and files", sent, 60, " KB/s"),
		atMost("  resident memory", float64(after[owner].ResidentBytes)/(1<<20), 0, " MiB"),
	}, nil
}

// spent returns what each peer has taken of a core.
func spent(before, after []testnet.Usage, in time.Duration) (all []float64) {
	for i := range after {
		all = append(all, (after[i].CPUSeconds-before[i].CPUSeconds)/in.Seconds())
	}
	return all
}

// firstPublication publishes what is held, for a while, and returns how many
// records were put a second. What is not put then is left to the sweep.
func (b *bench) firstPublication(ctx context.Context) (perSecond float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, publishMax)
	defer cancel()
	watch := new(observer)
	c := b.client(owner)
	defer c.Close()
	_, err = c.NameChange(api.WithObserver(ctx, watch), api.NameChangeRequest{Op: "publish", Name: label})
	if watch.done == 0 {
		return 0, errs.Newf("publish", label, errs.Other, "nothing was put: %v", err)
	}
	if err != nil && ctx.Err() == nil && errs.KindOf(err) != errs.TooFew {
		return 0, err
	}
	return float64(watch.done) / max(watch.last.Sub(watch.began).Seconds(), 0.001), nil
}

// observer notes how far a publication has come.
type observer struct {
	done        int64
	began, last time.Time
}

func (o *observer) Progress(p api.Progress) {
	if o.began.IsZero() {
		o.began = time.Now()
	}
	o.done, o.last = p.Done, time.Now()
}

func (o *observer) Note(string) {}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
