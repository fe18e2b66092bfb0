package namebench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// ask asks once. Any answer but the wanted address is an error.
func ask(ctx context.Context, at, name, want string) error {
	q := new(dns.Msg).SetQuestion(name, dns.TypeA)
	q.SetEdns0(1232, false)
	r, _, err := (&dns.Client{Timeout: askMax}).ExchangeContext(ctx, q, at)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(r.Answer, func(rr dns.RR) bool {
		a, ok := rr.(*dns.A)
		return ok && a.A.String() == want
	}) {
		return errs.Newf("ask", name, errs.Damaged, "%s answers %s with %d records", at, dns.RcodeToString[r.Rcode], len(r.Answer))
	}
	return nil
}

const askMax = 5 * time.Second

// cold asks each of the peers in turn for a name that none was asked for before.
func cold(ctx context.Context, b *bench) ([]figure, error) {
	if err := b.publishNames(ctx, "cold", b.Names); err != nil {
		return nil, err
	}
	var took []float64
	for i := range b.Names {
		at := b.dns[(i%(b.Peers-1)+owner+1)%b.Peers]
		began := time.Now()
		if err := ask(ctx, at, fmt.Sprintf("cold%d.%s", i, origin), firstAddress); err != nil {
			return nil, err
		}
		took = append(took, milliseconds(time.Since(began)))
	}
	what := fmt.Sprintf("cold resolve, %d peers, ", b.Peers)
	return []figure{
		atMost(what+"median", quantile(took, .5), 20, " ms"),
		atMost(what+"99th percentile", quantile(took, .99), 100, " ms"),
	}, nil
}

// copies is how many peers a record is put to where there are so many.
const copies = 20

// publishEvery keeps the records that one peer is given by the owner, up to nine for
// each change of a zone with two names, well below the 20 a second that it takes.
const publishEvery = time.Second

// publish sets names one by one.
func publish(ctx context.Context, b *bench) ([]figure, error) {
	c := b.client(owner)
	defer c.Close()
	confirm := min(copies, b.Peers-1)
	var took []float64
	for i := range b.Names {
		began := time.Now()
		r, err := c.NameChange(ctx, set(fmt.Sprintf("new%d", i), firstAddress, confirm))
		if err != nil {
			return nil, err
		}
		if r.Confirmed < confirm {
			return nil, errs.Newf("publish", r.Name, errs.TooFew, "%d peers confirmed", r.Confirmed)
		}
		took = append(took, milliseconds(time.Since(began)))
		if err := pause(ctx, publishEvery); err != nil {
			return nil, err
		}
	}
	what := fmt.Sprintf("publish, confirmed by %d peers, ", confirm)
	return []figure{
		atMost(what+"median", quantile(took, .5), 40, " ms"),
		atMost(what+"99th percentile", quantile(took, .99), 0, " ms"),
	}, nil
}

func set(name, address string, confirm int) api.NameChangeRequest {
	return api.NameChangeRequest{Op: "set", Name: name + "." + label, Type: "A", TTL: 86400, Data: []string{address}, Confirm: confirm}
}

// change changes a name that everybody has just asked for, and asks everybody
// until he sees it. The times run from before the owner is told.
func change(ctx context.Context, b *bench) ([]figure, error) {
	c := b.client(owner)
	defer c.Close()
	var took []float64
	for i := range b.Runs {
		if err := b.everywhere(ctx, addressOf(i), nil); err != nil {
			return nil, err
		}
		began := time.Now()
		if _, err := c.NameChange(ctx, set("h0", addressOf(i+1), 0)); err != nil {
			return nil, err
		}
		err := b.everywhere(ctx, addressOf(i+1), func() { took = append(took, time.Since(began).Seconds()) })
		if err != nil {
			return nil, err
		}
	}
	return []figure{
		atMost(fmt.Sprintf("a change, answered by %d other peers, median", b.Peers-1), quantile(took, .5), 1, " s"),
		atMost("  the slowest of all", slices.Max(took), 10, " s"),
	}, nil
}

func addressOf(change int) string {
	if change == 0 {
		return firstAddress
	}
	return fmt.Sprintf("192.0.2.%d", 100+change%100)
}

const (
	changeMax   = 30 * time.Second
	changeEvery = 100 * time.Millisecond
)

// everywhere asks all peers but the owner's for the changed name until each gives
// an address, and calls seen for each.
func (b *bench) everywhere(ctx context.Context, address string, seen func()) error {
	var mu sync.Mutex
	ctx, cancel := context.WithTimeout(ctx, changeMax)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for i, at := range b.dns {
		if i == owner {
			continue
		}
		group.Go(func() error {
			again := time.NewTicker(changeEvery)
			defer again.Stop()
			for {
				err := ask(ctx, at, "h0."+origin, address)
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					if seen != nil {
						seen()
					}
					return nil
				}
				select {
				case <-ctx.Done():
					return errs.Newf("see a change", at, errs.Timeout, "not within %v: %v", changeMax, err)
				case <-again.C:
				}
			}
		})
	}
	return group.Wait()
}
