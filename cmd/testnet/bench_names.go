package main

import (
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet/namebench"
	"github.com/atollnet/atoll/testnet/progress"
)

func benchNamesCommand() *cobra.Command {
	cfg := namebench.Config{}
	c := &cobra.Command{
		Use:   "names",
		Short: "Measure how fast names are answered, published and changed",
		Long: `Start a network of peers on this machine, publish names on one of them, and print
a table of what was measured: ` + strings.Join(namebench.Names(), ", ") + `.
The load comes from dnsperf (in Debian's package of that name), on a core of its
own; the peer under load, and a bare handler of the same DNS library that it is
held against, run on another. A quick run: --peers 8 --runs 1 --for 2s --many 1000.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return errs.New("bench names", "", errs.Other, err)
			}
			cfg.Bare = []string{self, "bench", "names", "bare"}
			cfg.Out, cfg.Line = c.OutOrStdout(), progress.New(os.Stderr)
			defer cfg.Line.Close()
			return namebench.Run(c.Context(), cfg)
		},
	}
	f := c.Flags()
	f.IntVar(&cfg.Peers, "peers", 50, "how many peers")
	f.IntVar(&cfg.Runs, "runs", 5, "how often loads are compared, and a name is changed")
	f.DurationVar(&cfg.For, "for", 5*time.Second, "how long a load lasts")
	f.DurationVar(&cfg.Settle, "settle", 15*time.Second, "from the start of the peer with many names until its cost is watched; it begins within ten seconds")
	f.DurationVar(&cfg.Watch, "watch", time.Minute, "how long the peer with many names is watched")
	f.IntVar(&cfg.Names, "names", 200, "how many names are looked up and published one by one")
	f.IntVar(&cfg.Many, "many", 100_000, "how many names one peer keeps published")
	f.StringSliceVar(&cfg.Only, "only", nil, "`names` of what is measured; everything if none")
	f.IntVar(&cfg.PProf, "pprof", 0, "`port` at which every peer serves Go's profiles on its own address; 0: none does")
	f.BoolVar(&cfg.Keep, "keep", false, "keep the directory")
	c.AddCommand(&cobra.Command{
		Use: "bare ADDRESS", Hidden: true, Args: one, Short: "Answer DNS as the bare handler does",
		RunE: func(c *cobra.Command, args []string) error { return namebench.Bare(c.Context(), args[0]) },
	})
	return c
}
