package main

import (
	"os"
	"strings"
	"time"

	"github.com/atollnet/atoll/testnet/filebench"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/atollnet/atoll/testnet/ringbench"
	"github.com/spf13/cobra"
)

// benchCommand holds the measurements of whole networks.
func benchCommand() *cobra.Command {
	cfg := filebench.Config{Bytes: 1 << 30}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure a network of peers on this machine",
		Long: `Start a network of peers on this machine, store and fetch files through them as
users do, and print the medians of what was measured: ` + strings.Join(filebench.Names(), ", ") + `.
Times of large files stand beside those of sha256sum on the same files. A quick
run: --peers 8 --dead 2 --runs 1 --size 64MiB --files 100.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg.Out, cfg.Line = c.OutOrStdout(), progress.New(os.Stderr)
			defer cfg.Line.Close()
			return filebench.Run(c.Context(), cfg)
		},
	}
	f := c.Flags()
	f.IntVar(&cfg.Peers, "peers", 50, "how many peers")
	f.IntVar(&cfg.Dead, "dead", 16, "how many of them are killed before the last measurement")
	f.IntVar(&cfg.Runs, "runs", 5, "how often each measurement is made")
	f.Var((*size)(&cfg.Bytes), "size", "`bytes` of a large file; KiB, MiB and GiB are understood")
	f.IntVar(&cfg.Files, "files", 1000, "how many small files a tree has")
	f.DurationVar(&cfg.Idle, "idle", 20*time.Second, "how long idle peers are watched")
	f.DurationVar(&cfg.Settle, "settle", time.Second, "how long after the end of a measurement its CPU time is read")
	f.Uint64Var(&cfg.Seed, "seed", 0, "chooses content and ranges; 0 takes a new one")
	f.StringSliceVar(&cfg.Only, "only", nil, "`names` of what is measured; everything if none")
	f.BoolVar(&cfg.JSON, "json", false, "print one JSON document")
	f.IntVar(&cfg.PProf, "pprof", 0, "`port` at which every peer serves Go's profiles on its own address; 0: none does")
	f.BoolVar(&cfg.Keep, "keep", false, "keep the directory")
	c.AddCommand(benchRingCommand(), benchNamesCommand())
	return c
}

func benchRingCommand() *cobra.Command {
	cfg := ringbench.Config{}
	c := &cobra.Command{
		Use:   "ring",
		Short: "Measure how fast rings order updates",
		Long: `Start the members of a ring as processes on this machine, with logs that are
synced to disk, have clients order updates, and print a table of what was
measured: ` + strings.Join(ringbench.Names(), ", ") + `.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg.Out, cfg.Line = c.OutOrStdout(), progress.New(os.Stderr)
			defer cfg.Line.Close()
			return ringbench.Run(c.Context(), cfg)
		},
	}
	c.Flags().IntVar(&cfg.Members, "members", 4, "how many peers a ring has: 4, 7 or 10")
	c.Flags().DurationVar(&cfg.For, "for", 5*time.Second, "how long each load lasts")
	c.Flags().IntVar(&cfg.Objects, "objects", 1000, "how many objects are written at once")
	c.Flags().IntVar(&cfg.Idle, "idle", 10_000, "how many objects lie idle on each member")
	c.Flags().DurationVar(&cfg.Settle, "settle", 10*time.Second, "how long founding idle objects may echo, and how long they are watched")
	c.Flags().StringSliceVar(&cfg.Only, "only", nil, "`names` of what is measured; everything if none")
	c.Flags().IntVar(&cfg.PProf, "pprof", 0, "`port` at which every peer serves Go's profiles on its own address; 0: none does")
	c.Flags().BoolVar(&cfg.Keep, "keep", false, "keep the directory")
	return c
}
