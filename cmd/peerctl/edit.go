package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
)

func (a *app) mvVerb() *cobra.Command {
	var g guard
	c := &cobra.Command{
		Use:   "mv REF… REF",
		Short: "Rename entries, or move them to another directory",
		Long: `Give the entry the name that the last REF says; if that is a directory, or ends in
"/", the entries go into it. A directory of any size moves in one step, and
references to what is moved stay good. A file that is in the way is replaced; its
versions stay readable.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			g.given = c.Flags().Changed("if-version")
			return a.onto(c.Context(), args, "moved", func(ctx context.Context, from, to string) (api.PutResult, error) {
				return a.peerd.Move(ctx, api.MoveRequest{From: from, To: to, IfAbsent: g.absent, IfVersion: g.ifVersion()})
			})
		},
	}
	c.Flags().BoolVar(&g.absent, "if-absent", false, "refuse if the new name exists")
	c.Flags().Uint64Var(&g.version, "if-version", 0, "refuse if the entry changed after version `N`")
	return c
}

func (a *app) cpVerb() *cobra.Command {
	recursive, absent := false, false
	c := &cobra.Command{
		Use:   "cp [-r] REF… REF",
		Short: "Copy entries within a volume; no data moves",
		Long: `Copy entries, REF@VERSION too, to the last REF, or into it if it is a directory or
ends in "/". A copy takes up no space for content, and has references of its own:
who was given one to the original cannot read it.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onto(c.Context(), args, "copied", func(ctx context.Context, from, to string) (api.PutResult, error) {
				return a.peerd.Copy(ctx, api.CopyRequest{From: from, To: to, Recursive: recursive, IfAbsent: absent})
			})
		},
	}
	c.Flags().BoolVarP(&recursive, "recursive", "r", false, "copy directories and all that is in them")
	c.Flags().BoolVar(&absent, "if-absent", false, "refuse if the new name exists")
	return c
}

// onto does something with each argument and the last one; several go into it.
func (a *app) onto(ctx context.Context, args []string, done string, do func(ctx context.Context, from, to string) (api.PutResult, error)) error {
	last := len(args) - 1
	to, err := a.ref(args[last])
	if err != nil {
		return err
	}
	if last > 1 {
		to = into(to)
	}
	return a.each(ctx, args[:last], func(arg string) error {
		from, err := a.ref(arg)
		if err != nil {
			return err
		}
		r, err := do(a.listening(ctx), from, to)
		if err != nil {
			return err
		}
		a.say("%s: %s to %s, %s", shown(from), done, placed(to, r.Path), outcome(r))
		return a.show(r, func() error { return nil })
	})
}

func (a *app) restoreVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "restore REF@VERSION | @VERSION [REF]",
		Short: "Make an entry what it was in an earlier version",
		Long: `Make a file, or a directory and all below it, what it was in VERSION. What came
since is removed, what was removed comes back; the versions in between stay, so
this can be undone in the same way. No data moves. @VERSION alone means home:.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			ref, err := a.versionOf(args)
			if err != nil {
				return err
			}
			r, err := a.peerd.Restore(a.listening(c.Context()), api.RestoreRequest{Ref: ref})
			if err != nil {
				return err
			}
			a.say("%s: restored, %s", placed(ref, r.Path), outcome(r))
			return a.show(r, func() error { return nil })
		},
	}
}
