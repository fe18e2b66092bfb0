package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/testnet/kills"
	"github.com/atollnet/atoll/testnet/progress"
)

func killsCommand() *cobra.Command {
	cfg := kills.Config{}
	c := &cobra.Command{
		Use:   "kills",
		Short: "Kill a peer again and again while its user changes a volume",
		Long: `Start a network of peers on this machine; put files and trees and remove files through
one of them, and end that peer with SIGKILL in the midst of each change. The exit code is
zero only if everything that was acknowledged is there, and what was cut off is there
whole or not at all, as the peer itself and another one see it.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg.Out, cfg.Line = c.OutOrStdout(), progress.New(os.Stderr)
			defer cfg.Line.Close()
			return kills.Run(c.Context(), cfg)
		},
	}
	c.Flags().IntVar(&cfg.Peers, "peers", 6, "how many peers")
	c.Flags().IntVar(&cfg.Ring, "ring", 1, "how many peers order the volume; 1 is the one that is killed")
	c.Flags().IntVar(&cfg.Kills, "kills", 200, "how often the peer is killed")
	c.Flags().Uint64Var(&cfg.Seed, "seed", 0, "chooses what is changed and when the peer dies; 0 takes a new one")
	c.Flags().BoolVar(&cfg.Keep, "keep", false, "keep the directory")
	return c
}
