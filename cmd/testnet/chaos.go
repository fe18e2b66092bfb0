package main

import (
	"os"
	"time"

	"github.com/atollnet/atoll/testnet/chaos"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/spf13/cobra"
)

func chaosCommand() *cobra.Command {
	cfg := chaos.Config{}
	c := &cobra.Command{
		Use:   "chaos",
		Short: "Break members of rings while clients write, and check what came of it",
		Long: `Start a network of peers on this machine and have clients append to a log and
store files, while members of their rings are killed, paused and cut off, one at
a time or a whole ring at once, and put back. Prints what was done; the exit code
is zero only if everything that was acknowledged is there, once, in an order that
explains what the clients saw, and every file is as it was stored.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg.Out, cfg.Line = c.OutOrStdout(), progress.New(os.Stderr)
			defer cfg.Line.Close()
			return chaos.Run(c.Context(), cfg)
		},
	}
	c.Flags().IntVar(&cfg.Peers, "peers", 50, "how many peers")
	c.Flags().IntVar(&cfg.Members, "members", 4, "how many of them a ring has: 4, 7 or 10")
	c.Flags().IntVar(&cfg.Clients, "clients", 16, "how many clients append")
	c.Flags().DurationVar(&cfg.For, "for", time.Minute, "how long things break")
	c.Flags().Uint64Var(&cfg.Seed, "seed", 0, "chooses who breaks, how and when; 0 takes a new one")
	c.Flags().BoolVar(&cfg.Keep, "keep", false, "keep the directory")
	return c
}
