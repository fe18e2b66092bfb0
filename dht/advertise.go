package dht

import (
	"context"
	"time"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// newsMax bounds the new extents that wait to be advertised; those above
	// it are advertised by the next sweep.
	newsMax = 4096
	// newsPause is about how long a new extent waits before it is advertised:
	// who stores it waits for a receipt from each of its holders, and all of them
	// would look for the same peers at that moment.
	newsPause = 2 * time.Second
	// advertiseRate bounds the advertisements, some eleven messages each: a few
	// at once, so that what is new is found soon, then one a second. In half
	// a day that is 43,000 extents, 700 GB; a peer with more takes longer,
	// and records last for two days.
	advertisePerSecond = 1
	advertiseBurst     = 8
	// sweepInterval is how often all held extents are advertised again.
	sweepInterval = 12 * time.Hour
	// sweepPageMax is how many extents of a sweep are held at a time, and
	// sweepPause the time before the first sweep and after one that failed.
	sweepPageMax = 256
	sweepPause   = 30 * time.Second
)

// ExtentLister returns up to max of the extents that this peer holds, in
// ascending order, from the given one on.
type ExtentLister func(from wire.ExtentID, max int) ([]wire.ExtentID, error)

// Advertise tells the network, in the background and at a low rate, which
// extents this peer holds: all that list returns, every 12 hours, and in
// between those that Announce brings. It is called once.
func (d *DHT) Advertise(list ExtentLister) {
	d.tasks.Go(func(ctx context.Context) { d.advertise(ctx, list) })
}

// Announce says that this peer now holds shares of the extent. It is advertised
// within seconds unless thousands are.
func (d *DHT) Announce(extent wire.ExtentID) {
	select {
	case d.news <- news{extent, time.Now().Add(jitter(d.newsPause))}:
	default:
	}
}

// news is an extent that is new here.
type news struct {
	extent wire.ExtentID
	due    time.Time // when to advertise it
}

func (d *DHT) advertise(ctx context.Context, list ExtentLister) {
	s := sweep{list: list, next: time.Now().Add(jitter(sweepPause))}
	rate := p2p.NewBuckets[struct{}](p2p.Rate{PerSecond: advertisePerSecond, Burst: advertiseBurst}, time.Now)
	for {
		select {
		case n := <-d.news:
			if !sleep(ctx, time.Until(n.due)) {
				return
			}
			d.provideQuietly(ctx, n.extent)
		case <-time.After(time.Until(s.next)):
			extent, ok, err := s.step(time.Now())
			if err != nil {
				d.log.Warn("cannot list extents to advertise", "error", err)
			}
			if !ok {
				continue
			}
			d.provideQuietly(ctx, extent)
		case <-ctx.Done():
			return
		}
		for !rate.Take(struct{}{}) {
			if !sleep(ctx, time.Second/advertisePerSecond/2) {
				return
			}
		}
	}
}

// provideQuietly advertises one extent; what fails comes again with the next
// sweep.
func (d *DHT) provideQuietly(ctx context.Context, extent wire.ExtentID) {
	if err := d.Provide(ctx, extent); err != nil && ctx.Err() == nil {
		d.log.Debug("cannot advertise an extent", "extent", extent, "error", err)
	}
}

// sweep goes over all extents again and again.
type sweep struct {
	list ExtentLister
	page []wire.ExtentID
	from wire.ExtentID
	next time.Time // when step is due
}

// step returns the next extent, if there is one, and sets when to call it
// again.
func (s *sweep) step(now time.Time) (extent wire.ExtentID, ok bool, err error) {
	if len(s.page) == 0 {
		if s.page, err = s.list(s.from, sweepPageMax); err != nil {
			s.next = now.Add(jitter(sweepPause))
			return extent, false, err
		}
	}
	if len(s.page) == 0 {
		s.from, s.next = wire.ExtentID{}, now.Add(jitter(sweepInterval))
		return extent, false, nil
	}
	extent, s.page = s.page[0], s.page[1:]
	s.next = now
	var more bool
	if s.from, more = successor(extent); !more {
		s.page, s.from, s.next = nil, wire.ExtentID{}, now.Add(jitter(sweepInterval))
	}
	return extent, true, nil
}

// successor returns the identifier after id, and whether there is one.
func successor(id wire.ExtentID) (wire.ExtentID, bool) {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			return id, true
		}
	}
	return id, false
}
