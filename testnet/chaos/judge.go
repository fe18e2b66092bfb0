package chaos

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
	"github.com/atollnet/atoll/testnet/history"
	"github.com/atollnet/atoll/testnet/ringuser"
)

// judgeMax is how long the search for an order may take, and alikeMax how long
// until all members have the same history.
const (
	judgeMax = 2 * time.Minute
	alikeMax = time.Minute
)

// verdict is what was found in the end.
type verdict struct {
	entries  int // in the log
	versions wire.Version
	results  []string
}

// judge holds what clients saw against what is there.
func (t *trial) judge(ctx context.Context) (v verdict, err error) {
	entries, err := t.alike(ctx)
	if err != nil {
		return v, err
	}
	v.entries = len(entries)
	if len(entries) > 0 {
		v.versions = entries[len(entries)-1].Version
	}
	v.results = append(v.results, fmt.Sprintf("all %d members have one history, every certificate of which is good", t.Members))
	if err := t.appends.place(entries); err != nil {
		return v, err
	}
	if err := history.Linearizable(t.appends.all, judgeMax); err != nil {
		return v, errs.New("check log", t.log.ID.String(), errs.Damaged, err)
	}
	v.results = append(v.results, "every acknowledged entry is in the log once, in an order that explains what each client saw")
	// A peer that has not been used before reads the files.
	stranger := client.New(t.network.API(t.Peers-2), 0)
	defer stranger.Close()
	for name := range filesMax {
		if err := t.settled(ctx, stranger, name); err != nil {
			return v, err
		}
	}
	v.results = append(v.results, "another peer reads every file as it was last stored")
	return v, nil
}

// settled reads a file through a peer that may be behind for a moment.
func (t *trial) settled(ctx context.Context, c *client.Client, name int) (err error) {
	for end := time.Now().Add(alikeMax); ; {
		if err = t.files.get(ctx, c, t.files.ref, name); err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// alike waits until every member gives the same history, and returns it.
func (t *trial) alike(ctx context.Context) (entries []ringuser.Entry, err error) {
	for end := time.Now().Add(alikeMax); ; {
		entries, err = t.compare(ctx)
		if err == nil || errors.Is(err, ringuser.ErrHistory) || time.Now().After(end) || ctx.Err() != nil {
			return entries, err
		}
		// A member that lags is told of the rest when something is ordered.
		if _, err := t.log.Owner.Do(ctx, update.Clause{}); err != nil {
			return nil, err
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (t *trial) compare(ctx context.Context) (entries []ringuser.Entry, err error) {
	var first wire.VersionID
	for i, m := range t.log.Members() {
		all, last, err := t.log.History(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", t.name(t.index(m)), err)
		}
		if i > 0 && last != first {
			return nil, fmt.Errorf("%s has another history, or not all of it", t.name(t.index(m)))
		}
		entries, first = all, last
	}
	return entries, nil
}

// place finds every append in the log. One that is there twice, other than as a
// repetition that changed nothing, is an error. A repetition can be old enough to
// be refused: a member that was paused hands on what others have long ordered.
func (a *appends) place(entries []ringuser.Entry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	index := make(map[wire.Hash]int, len(a.all))
	for i, id := range a.updates {
		index[id] = i
	}
	places := 0
	for _, e := range entries {
		i, ours := index[bft.RequestID(e.Update)]
		if !ours || e.Outcome.Repeated {
			continue
		}
		again := a.all[i].Place != history.Unknown
		if again && e.Outcome.Status == update.Refused && e.Outcome.Reason == update.ReasonStale {
			continue
		}
		if e.Outcome.Status != update.Applied {
			return errs.Newf("check log", fmt.Sprint("version ", e.Version), errs.Damaged, "an append was not applied: %v", e.Outcome.Reason)
		}
		if again {
			return errs.Newf("check log", fmt.Sprint("version ", e.Version), errs.Damaged, "an append was applied twice")
		}
		a.all[i].Place = places
		places++
	}
	return nil
}

// print tells what happened.
func (t *trial) print(v verdict) error {
	w := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tWHO\tPEERS\tWHAT\tFOR\tBACK AT")
	for _, e := range t.events {
		fmt.Fprintf(w, "%.1f s\t%s\t%s\t%s\t%.1f s\t%.1f s\n", e.at.Seconds(), e.whom, t.names(e.peers), e.way, e.last.Seconds(), e.mended.Seconds())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	acked := 0
	for _, n := range t.appends.counts() {
		acked += n
	}
	t.files.mu.Lock()
	defer t.files.mu.Unlock()
	fmt.Fprintf(t.Out, "\n%d clients: %d appends acknowledged, %d entries and %d versions in the log, %.1f s the longest time without one; %d files stored, %d read\n",
		t.Clients, acked, v.entries, v.versions, t.appends.longest.Seconds(), t.files.puts, t.files.gets)
	for _, r := range v.results {
		fmt.Fprintln(t.Out, "ok: "+r)
	}
	return nil
}
