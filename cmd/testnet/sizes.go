package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/testnet/progress"
	"github.com/atollnet/atoll/testnet/sizes"
)

func sizesCommand() *cobra.Command {
	cfg := sizes.Config{}
	c := &cobra.Command{
		Use:   "sizes",
		Short: "Try networks of few and of more peers, one after another",
		Long: `Start a network of each size on this machine; store a small and a large file, kill for
good the peer that stored them and a quarter of all, fetch them through another, wait
until the peers that are left have rebuilt what is missing, and do it once more. The exit
code is zero only if every byte came back and every network was healthy again in time.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg.Out, cfg.Line = c.OutOrStdout(), progress.New(os.Stderr)
			defer cfg.Line.Close()
			return sizes.Run(c.Context(), cfg)
		},
	}
	c.Flags().IntSliceVar(&cfg.Sizes, "sizes", sizes.Default, "how many peers each network has")
	c.Flags().DurationVar(&cfg.Heal, "heal", 3*time.Minute, "how long a network may take to be healthy again")
	c.Flags().Uint64Var(&cfg.Seed, "seed", 0, "chooses the content; 0 takes a new one")
	return c
}
