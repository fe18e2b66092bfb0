package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
)

func (a *app) statVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "stat REF…",
		Short: "Show what is known of an entry",
		Long:  `Show what is known of an entry. Its version is the one that last changed it.`,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.each(c.Context(), args, func(arg string) error { return a.stat(c.Context(), arg) })
		},
	}
}

func (a *app) stat(ctx context.Context, arg string) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	e, err := a.peerd.Stat(a.listening(ctx), api.ReadRequest{Ref: ref, Consistency: a.consistency})
	if err != nil {
		return err
	}
	return a.show(e, func() error {
		kind := string(e.Kind)
		if e.Kind == api.Symlink {
			kind += " to " + e.Target.String()
		}
		return a.print("path     %s\nkind     %s\nsize     %d\nmode     %04o %s\nmtime    %s\nversion  %d\nobject   %s",
			e.Path, kind, e.Size, e.Mode, modeText(e), e.ModTime.Local().Format(time.RFC3339Nano), e.Version, e.Object)
	})
}
