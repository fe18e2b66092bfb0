package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

func (a *app) mkdirVerb() *cobra.Command {
	parents := false
	c := &cobra.Command{
		Use:   "mkdir [-p] REF…",
		Short: "Make directories",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.each(c.Context(), args, func(arg string) error {
				return a.change(arg, "made", func(ref string) (api.PutResult, error) {
					return a.peerd.Mkdir(a.listening(c.Context()), api.MkdirRequest{Ref: ref, Parents: parents, Mode: 0o755})
				})
			})
		},
	}
	c.Flags().BoolVarP(&parents, "parents", "p", false, "make those above too; what exists is no error")
	return c
}

func (a *app) rmVerb() *cobra.Command {
	recursive := false
	var g guard
	c := &cobra.Command{
		Use:   "rm [-r] REF…",
		Short: "Remove entries; earlier versions keep them",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			g.given = c.Flags().Changed("if-version")
			return a.each(c.Context(), args, func(arg string) error {
				return a.change(arg, "removed", func(ref string) (api.PutResult, error) {
					return a.remove(c.Context(), api.RemoveRequest{Ref: ref, Recursive: recursive, IfVersion: g.ifVersion()})
				})
			})
		},
	}
	c.Flags().BoolVarP(&recursive, "recursive", "r", false, "remove directories and all that is in them")
	c.Flags().Uint64Var(&g.version, "if-version", 0, "refuse if the entry changed after version `N`")
	return c
}

func (a *app) remove(ctx context.Context, r api.RemoveRequest) (api.PutResult, error) {
	out, err := a.peerd.Remove(a.listening(ctx), r)
	if petname, is := strings.CutSuffix(r.Ref, ":"); is && errs.KindOf(err) == errs.Usage {
		err = errs.Hint(err, "peerctl volume delete %s deletes the volume itself, for good", petname)
	}
	return out, err
}

// change makes a change that has no reference to print.
func (a *app) change(arg, done string, do func(ref string) (api.PutResult, error)) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	r, err := do(ref)
	if err != nil {
		return err
	}
	if r.State == api.Pending {
		return waits("change", ref, r)
	}
	a.say("%s: %s, %s", placed(ref, r.Path), done, outcome(r))
	return a.show(r, func() error { return nil })
}
