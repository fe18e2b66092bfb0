package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
)

func (a *app) shareVerb() *cobra.Command {
	write, list := "", false
	c := &cobra.Command{
		Use:   "share REF [--write KEY]",
		Short: "Print a reference to give away",
		Long: `Print a reference to exactly the file or directory REF. Who has it can read that and
all below it, in all versions, on any peer; nothing above or beside it. REF@VERSION
gives a reference to that version.

With --write KEY, the person whose peerctl id prints KEY may also write there, through
his own peer and under his own name in peerctl log. One key may write in one place of a
volume. --list shows who may write.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if list {
				return a.writers(c.Context(), args[0])
			}
			return a.share(c.Context(), args[0], write)
		},
	}
	c.Flags().StringVar(&write, "write", "", "let the person with this `key` write there too")
	c.Flags().BoolVar(&list, "list", false, "show who may write the volume")
	c.MarkFlagsMutuallyExclusive("write", "list")
	return c
}

func (a *app) share(ctx context.Context, arg, write string) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	r, err := a.peerd.Share(a.listening(ctx), api.ShareRequest{Ref: ref, Write: write})
	if err != nil {
		return err
	}
	if write != "" {
		a.say("%s: %s may write here", placed(ref, r.Path), write)
	}
	return a.show(r, func() error { return a.print("%s", r.Reference) })
}

func (a *app) writers(ctx context.Context, arg string) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	writers, err := a.peerd.Writers(a.listening(ctx), api.ReadRequest{Ref: ref, Consistency: a.consistency})
	if err != nil {
		return err
	}
	for _, w := range writers {
		err := a.show(w, func() error {
			switch {
			case w.Owner:
				return a.print("%s  owner", w.Key)
			case w.Path == "":
				return a.print("%s  somewhere that this reference does not show", w.Key)
			}
			return a.print("%s  %s", w.Key, w.Path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) revokeVerb() *cobra.Command {
	write := ""
	c := &cobra.Command{
		Use:   "revoke REF [--write KEY]",
		Short: "End what was shared",
		Long: `Give REF and all below it fresh keys, and print the new reference: from now on no
reference given away before opens it, whoever has it. What its readers could read until
now they may have kept, and versions until now stay readable to them. Other readers need
the new reference. No data moves.

With --write KEY, take away the right to write that this key has in REF's volume, and
nothing else: who has the reference still reads.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.revoke(c.Context(), args[0], write) },
	}
	c.Flags().StringVar(&write, "write", "", "take the right to write from the person with this `key`")
	return c
}

func (a *app) revoke(ctx context.Context, arg, write string) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	r, err := a.peerd.Revoke(a.listening(ctx), api.RevokeRequest{Ref: ref, Write: write})
	if err != nil {
		return err
	}
	if write != "" {
		a.say("%s: %s may not write any more; it can still read what it has a reference to", placed(ref, "/"), write)
		return a.show(r, func() error { return nil })
	}
	a.say("%s: has fresh keys, %s", placed(ref, r.Path), outcome(r))
	a.say("  Earlier references end here. What could be read with them may have been kept, and earlier versions stay readable with them.")
	return a.show(r, func() error { return a.print("%s", r.Reference) })
}
