package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
)

func (a *app) logVerb() *cobra.Command {
	all := false
	c := &cobra.Command{
		Use:   "log REF",
		Short: "Show the versions in which an entry changed, newest first",
		Long: `Show the versions in which an entry, or something below it, changed, newest first:
number, time, author. REF@NUMBER reads each of them.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.log(c.Context(), args[0], all) },
	}
	c.Flags().BoolVar(&all, "all", false, "versions without a change of content too")
	return c
}

func (a *app) log(ctx context.Context, arg string, all bool) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	log, err := a.peerd.Log(a.listening(ctx), api.LogRequest{Ref: ref, Consistency: a.consistency, All: all})
	if err != nil {
		return err
	}
	return a.show(log, func() error {
		for _, v := range log.Versions {
			if err := a.printVersion(v); err != nil {
				return err
			}
		}
		return nil
	})
}
