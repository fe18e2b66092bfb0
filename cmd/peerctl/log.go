package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
)

func (a *app) logVerb() *cobra.Command {
	all, export := false, ""
	c := &cobra.Command{
		Use:   "log REF [--export FILE]",
		Short: "Show the versions in which an entry changed, newest first",
		Long: `Show the versions in which an entry, or something below it, changed, newest first:
number, time, author. REF@NUMBER reads each of them.

--export writes instead what proves the version that REF selects: its certificate, and all
that leads to it from the volume's own name. Whoever has it can check it with peerctl verify,
without a network.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if export != "" {
				return a.exportProof(c.Context(), args[0], export)
			}
			return a.log(c.Context(), args[0], all)
		},
	}
	c.Flags().StringVar(&export, "export", "", "write the proof of the version to a new `FILE`; - is standard output")
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
