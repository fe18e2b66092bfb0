package node

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/store"
)

const (
	// scrubEveryDefault is in what time every share on this disk is read once: at
	// 100 GiB that is 40 KB a second.
	scrubEveryDefault = 30 * 24 * time.Hour
	// scrubPauseMax keeps the scrub of a few shares going over restarts.
	scrubPauseMax = time.Hour
	// damagedAtOnce is of how many damaged shares custodians are told in a tick.
	damagedAtOnce = 1024
	// tellAgainEvery is after what time they are told again: some may not have
	// answered, and a damaged share stays here until its lease has run out.
	tellAgainEvery = 24 * time.Hour
	// toldMax bounds the damaged shares that are remembered as told, at about 100
	// bytes each; of one too many they are told each time.
	toldMax = 65536
)

// scrub reads all shares on this disk, again and again, so slowly that nobody
// notices.
func (n *Node) scrub(ctx context.Context) error {
	for ctx.Err() == nil {
		err := n.shares.Scrub(ctx, func(v store.Verified) error {
			if v.Err != nil {
				n.log.Warn("scrub: a share is not as it was stored", "error", v.Err)
			}
			sleep(ctx, n.scrubPause(v.Bytes))
			return context.Cause(ctx)
		})
		if err != nil && ctx.Err() == nil {
			n.log.Warn("scrub", "error", err)
		}
		sleep(ctx, uptimeTick)
	}
	return nil
}

// scrubPause is how long the scrub waits after a share of so many bytes.
func (n *Node) scrubPause(bytes int) time.Duration {
	part := float64(bytes+store.ShareOverheadBytes) / float64(max(n.shares.Usage().StoredBytes, 1))
	return time.Duration(min(part*float64(n.config.Custody.ScrubEvery), float64(scrubPauseMax)))
}

// sleep waits, or less if the context ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// damage remembers which damaged shares custodians have been told of.
type damage struct {
	mu   sync.Mutex
	told map[store.Place]time.Time // at most toldMax
}

// due reports whether custodians are to be told of a share.
func (d *damage) due(p store.Place, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, known := d.told[p]
	return !known || now.Sub(at) >= tellAgainEvery
}

func (d *damage) note(p store.Place, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.told == nil {
		d.told = make(map[store.Place]time.Time)
	}
	if len(d.told) >= toldMax {
		maps.DeleteFunc(d.told, func(_ store.Place, at time.Time) bool { return now.Sub(at) >= tellAgainEvery })
	}
	if len(d.told) < toldMax {
		d.told[p] = now
	}
}

// tellDamage tells custodians of shares that were found damaged, by whoever read
// them.
func (n *Node) tellDamage(ctx context.Context) error {
	tick := time.NewTicker(uptimeTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if n.shares.Usage().Damaged == 0 || n.alone() {
			continue
		}
		if _, err := n.reportDamage(ctx, func(p store.Place) bool { return n.damage.due(p, time.Now()) }); err != nil && ctx.Err() == nil {
			n.log.Warn("telling custodians of damaged shares", "error", err)
		}
	}
}

// reportDamage tells the custodians of all damaged shares that are wanted, and
// returns of how many one has heard.
func (n *Node) reportDamage(ctx context.Context, wanted func(store.Place) bool) (told int, err error) {
	for from := (store.Place{}); ; {
		damaged, err := n.shares.Damaged(from, damagedAtOnce)
		if err != nil || len(damaged) == 0 {
			return told, err
		}
		from = damaged[len(damaged)-1].Next()
		due := damaged[:0]
		for _, p := range damaged {
			if wanted(p) {
				due = append(due, p)
			}
		}
		n.eachObject(ctx, due, func(ctx context.Context, object wire.ObjectID, extents []wire.ExtentID) []bool {
			if _, err := n.notifyCustodians(ctx, object, false, extents); err != nil {
				n.log.Info("a custodian could not be told of damaged shares", "object", object.String(), "error", err)
				return make([]bool, len(extents))
			}
			return nil
		}, func(p store.Place, heard bool) {
			if heard {
				n.damage.note(p, time.Now())
				told++
			}
		})
		if ctx.Err() != nil {
			return told, context.Cause(ctx)
		}
	}
}

// objectsAtOnce is of how many objects custodians are told at the same time.
const objectsAtOnce = 16

// eachObject calls tell for each object that leases some of the shares, for a
// number of them at a time, with the extents, ascending. What it returns says for
// each whether that is done; nil: all are. Then it calls done, one after another,
// for each share: it is if it is for all its objects.
func (n *Node) eachObject(ctx context.Context, places []store.Place, tell func(context.Context, wire.ObjectID, []wire.ExtentID) []bool, done func(store.Place, bool)) {
	lessees := make([][]wire.ObjectID, len(places))
	byObject := make(map[wire.ObjectID][]wire.ExtentID)
	for i, p := range places {
		objects, err := n.shares.Lessees(p)
		if err != nil {
			n.log.Warn("whose shares are these", "error", err)
		}
		lessees[i] = objects
		for _, o := range objects {
			byObject[o] = append(byObject[o], p.Extent)
		}
	}
	type part struct {
		object wire.ObjectID
		extent wire.ExtentID
	}
	var mu sync.Mutex
	open := make(map[part]bool)
	var telling sync.WaitGroup
	slots := make(chan struct{}, objectsAtOnce)
	for object, extents := range byObject {
		slots <- struct{}{}
		telling.Go(func() {
			defer func() { <-slots }()
			extents := ascending(extents)
			said := tell(ctx, object, extents)
			mu.Lock()
			defer mu.Unlock()
			for i, is := range said {
				if !is {
					open[part{object, extents[i]}] = true
				}
			}
		})
	}
	telling.Wait()
	for i, p := range places {
		all := true
		for _, o := range lessees[i] {
			all = all && !open[part{o, p.Extent}]
		}
		done(p, all)
	}
}

// CheckStore implements api.Backend.
func (b backend) CheckStore(ctx context.Context) (api.StoreReport, error) {
	report, err := checkShares(ctx, b.shares)
	if err == nil && report.Damaged > 0 {
		report.Told, err = b.reportDamage(ctx, func(store.Place) bool { return true })
	}
	return report, err
}

// checkShares reads every share.
func checkShares(ctx context.Context, shares *store.Shares) (api.StoreReport, error) {
	total := int64(shares.Usage().StoredBytes)
	report := api.StoreReport{List: []api.DamagedShare{}}
	done := int64(0)
	err := shares.VerifyAll(ctx, store.Place{}, func(v store.Verified) error {
		report.Shares++
		report.Bytes += int64(v.Bytes)
		done += int64(v.Bytes) + store.ShareOverheadBytes
		api.Report(ctx, api.Progress{Phase: "checking", Done: min(done, total), Total: total, Unit: "bytes"})
		if errs.KindOf(v.Err) != errs.Damaged {
			return v.Err
		}
		report.Damaged++
		if len(report.List) < api.DamagedListMax {
			report.List = append(report.List, api.DamagedShare{Extent: v.Extent.String(), Share: v.Index, Error: v.Err.Error()})
		}
		return nil
	})
	return report, err
}

// CheckStore reads every share in the data directory of a peer that does not
// run. What is damaged is marked, and custodians are told when it runs again.
func CheckStore(ctx context.Context, c Config) (report api.StoreReport, err error) {
	if _, err := os.Stat(filepath.Join(c.Dir, dbDir)); errors.Is(err, fs.ErrNotExist) {
		return report, errs.Hint(errs.New("check", c.Dir, errs.NotFound, errors.New("no peer has kept anything here")), "name its data directory with --dir")
	}
	n := &Node{config: c, log: c.Log}
	defer func() { err = errors.Join(err, n.close()) }()
	if n.unlock, err = lockDir(c.Dir); err != nil {
		return report, err
	}
	if err = n.openShares(); err != nil {
		return report, err
	}
	return checkShares(ctx, n.shares)
}
