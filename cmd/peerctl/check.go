package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// check is the verb check with its flags.
type check struct {
	*app
	verify bool
	all    bool
}

func (a *app) checkVerb() *cobra.Command {
	k := &check{app: a}
	c := &cobra.Command{
		Use:   "check REF",
		Short: "Ask every holder now whether it still has what it stores",
		Long: `Ask every holder, now, for everything at and below REF, and say how many shares
are alive and where. Exit code 8: something has too few; 12, with --verify:
something is damaged beyond repair. The files that suffer are named.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return k.run(c.Context(), args[0]) },
	}
	c.Flags().BoolVar(&k.verify, "verify", false, "read and prove every byte instead of samples")
	c.Flags().BoolVar(&k.all, "all", false, "show every extent and its holders")
	return c
}

func (k *check) run(ctx context.Context, arg string) error {
	ref, err := k.ref(arg)
	if err != nil {
		return err
	}
	m := k.meter("check "+shown(ref), 0)
	report, err := k.peerd.Check(api.WithObserver(ctx, m), api.CheckRequest{Ref: ref, Consistency: k.consistency, Verify: k.verify})
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
	text := fmt.Sprintf("extent %s: %d of %d shares alive, %d needed, on %s", e.Extent, e.Alive, e.N, e.K, count(len(e.Holders), "holder", "holders"))
	if k.all {
		text += "\n  " + strings.Join(e.Holders, "\n  ")
	}
	return k.print("%s", text)
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
	if r.Verified > 0 {
		text += "; " + size(r.Verified) + " read and proved"
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
	err := errs.Newf("check", shown(ref), kind, "not healthy; %s", count(len(r.Problems), "file suffers", "files suffer"))
	return errs.Hint(err, "start more peers, or those that hold its shares; put again the files that are named")
}
