package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// check is the verb check with its flags.
type check struct {
	*app
	verify bool
	repair bool
	past   bool
	all    bool
}

func (a *app) checkVerb() *cobra.Command {
	k := &check{app: a}
	c := &cobra.Command{
		Use:   "check REF",
		Short: "Ask every holder now whether it still has what it stores",
		Long: `Ask every holder, now, for everything at and below REF, and say how many shares
are alive and where, the weakest first. Exit code 8: something has too few; 12:
something is beyond repair, because fewer shares are left than are needed or, with
--verify, because bytes are not what was stored. The files that suffer are named.

The peers that order a volume repair by themselves what falls to its threshold;
--repair does it now, for every share that nobody proves, on a peer that is one of
them or on the owner's. The probability of loss within a year is what the planner
makes of the shares that live, see peerctl plan.

--history makes every version of the volume again from what its authors signed, and compares
it with what was certified: exit code 12 if it differs. That finds what no certificate shows,
changes made up or left out by a ring of which more lie than may. It takes as long as all
changes did, and peers that have all of them.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return k.run(c.Context(), args[0]) },
	}
	c.Flags().BoolVar(&k.verify, "verify", false, "read and prove every byte instead of samples")
	c.Flags().BoolVar(&k.repair, "repair", false, "rebuild first every share that nobody proves")
	c.Flags().BoolVar(&k.past, "history", false, "make every version again from the signed updates")
	c.Flags().BoolVar(&k.all, "all", false, "show every extent and its holders")
	return c
}

func (k *check) run(ctx context.Context, arg string) error {
	ref, err := k.ref(arg)
	if err != nil {
		return err
	}
	m := k.meter("check "+shown(ref), 0)
	report, err := k.peerd.Check(api.WithObserver(ctx, m), api.CheckRequest{Ref: ref, Consistency: k.consistency, Verify: k.verify, History: k.past, Repair: k.repair})
	m.close()
	if err != nil {
		return err
	}
	if err := k.show(report, func() error { return k.text(report) }); err != nil {
		return err
	}
	return verdict(ref, report)
}

func (k *check) text(r api.CheckReport) error {
	for _, e := range r.Extents {
		if !k.all && (r.Healthy || e.Alive >= e.N) {
			continue
		}
		if err := k.extent(e); err != nil {
			return err
		}
	}
	for _, p := range r.Problems {
		if err := k.print("%s: %s", p.Path, p.Message); err != nil {
			return err
		}
	}
	return k.print("%s", summary(r))
}

func (k *check) extent(e api.ExtentReport) error {
	text := fmt.Sprintf("extent %s: %d of %d shares on %s, needs %d, repaired at %d, %s, %s",
		e.Extent, e.Alive, e.N, count(len(e.Holders), "peer", "peers"), e.K, e.Repair, audited(e.Audited), lossText(e.Risk))
	if k.all {
		text += "\n  " + strings.Join(e.Holders, "\n  ")
	}
	return k.print("%s", text)
}

func audited(when *time.Time) string {
	if when == nil {
		return "not audited from here"
	}
	ago := time.Since(*when)
	switch {
	case ago < time.Minute:
		return "just audited"
	case ago < time.Hour:
		return fmt.Sprintf("last audited %d min ago", ago/time.Minute)
	case ago < 48*time.Hour:
		return fmt.Sprintf("last audited %d h ago", ago/time.Hour)
	}
	return fmt.Sprintf("last audited %d days ago", ago/(24*time.Hour))
}

// lossText writes a probability of loss.
func lossText(p float64) string {
	switch {
	case p >= 1:
		return "not to be read now"
	case p >= 0.001:
		return fmt.Sprintf("lost within a year with probability %.1f %%", 100*p)
	}
	return fmt.Sprintf("lost within a year with probability %.0e", p)
}

// summary says in a line how things are.
func summary(r api.CheckReport) string {
	word := "healthy"
	if !r.Healthy {
		word = "NOT healthy"
	}
	text := fmt.Sprintf("%s: %s, %s in %s", word, count(r.Files, "file", "files"), size(r.Bytes), count(len(r.Extents), "extent", "extents"))
	if weakest, ok := weakest(r.Extents); ok {
		text += fmt.Sprintf("; the weakest has %d of %d shares and needs %d", weakest.Alive, weakest.N, weakest.K)
	}
	if len(r.Extents) > 0 && r.Risk < 1 {
		text += "; any of it is " + lossText(r.Risk)
	}
	if r.Rebuilt > 0 {
		text += "; " + count(r.Rebuilt, "share", "shares") + " rebuilt"
	}
	if r.Verified > 0 {
		text += "; " + size(r.Verified) + " read and proved"
	}
	if h := r.Replayed; h != nil {
		text += "; " + count(h.Versions, "version", "versions") + " made again from " + count(h.Updates, "signed update", "signed updates")
	}
	if r.Alone {
		text += "; one copy: no other peer holds it"
	}
	return text
}

// weakest returns the extent that can lose the fewest shares.
func weakest(extents []api.ExtentReport) (w api.ExtentReport, ok bool) {
	for i, e := range extents {
		if i == 0 || e.Alive-e.K < w.Alive-w.K {
			w = e
		}
	}
	return w, len(extents) > 0
}

// sufferers says how much suffers: a file may have many extents.
func sufferers(problems []api.CheckProblem) string {
	files, tree := make(map[api.Path]bool), false
	for _, p := range problems {
		tree = tree || p.Tree
		if !p.Tree {
			files[p.Path] = true
		}
	}
	switch {
	case len(files) == 0:
		return "the volume's own tree suffers"
	case tree:
		return count(len(files), "file", "files") + " and the volume's own tree suffer"
	}
	return count(len(files), "file suffers", "files suffer")
}

// verdict returns the error that a report stands for.
func verdict(ref string, r api.CheckReport) error {
	if r.Healthy && len(r.Problems) == 0 {
		return nil
	}
	kind := errs.TooFew
	for _, p := range r.Problems {
		if errs.ParseKind(p.Kind) == errs.Damaged {
			kind = errs.Damaged
		}
	}
	err := errs.Newf("check", shown(ref), kind, "not healthy; %s", sufferers(r.Problems))
	if kind == errs.Damaged {
		return errs.Hint(err, "put the files that are named again from where you have them; earlier versions may be whole")
	}
	return errs.Hint(err, "start more peers, or those that hold its shares, and wait, or repair now with --repair")
}
