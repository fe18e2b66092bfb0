package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet/namesim"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/spf13/cobra"
)

func simNamesCommand() *cobra.Command {
	cfg, out := namesim.Default(), ""
	c := &cobra.Command{
		Use:   "names",
		Short: "Simulate the proactive caching of names",
		Long: `Simulate peers that copy popular names ahead of use, with the code of
package beehive: queries by Zipf's law, a reversal of the popularity order half way, and
changes of names while some peers are dead. Prints a table; the exit code is
zero only if all targets were reached. 10,000 peers and a million names take
some minutes and 3 GB of memory.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error { return simNames(c, cfg, out) },
	}
	c.Flags().IntVar(&cfg.Peers, "peers", cfg.Peers, "how many peers")
	c.Flags().IntVar(&cfg.Names, "names", cfg.Names, "how many names")
	c.Flags().Float64Var(&cfg.Zipf, "zipf", cfg.Zipf, "exponent of their popularity")
	c.Flags().Float64Var(&cfg.Hops, "target-hops", cfg.Hops, "mean of hops that the peers aim at")
	c.Flags().Float64Var(&cfg.Rate, "rate", cfg.Rate, "queries of each peer in a second")
	c.Flags().IntVar(&cfg.Intervals, "intervals", cfg.Intervals, "half-hours before the reversal, and as many after it")
	c.Flags().Uint64Var(&cfg.Seed, "seed", cfg.Seed, "chooses places, queries and who is dead")
	c.Flags().StringVar(&out, "out", "", "write a picture (SVG) of hops and storage over time to `FILE`")
	return c
}

func simNames(c *cobra.Command, cfg namesim.Config, out string) error {
	line := progress.New(os.Stderr)
	begin := time.Now()
	cfg.Progress = func(done, of int) { line.Show(fmt.Sprintf("interval %d of %d", done, of)) }
	result, err := namesim.Run(c.Context(), cfg)
	line.Close()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "seed %d, %s\n", cfg.Seed, time.Since(begin).Round(time.Second))
	reached, err := result.Print(c.OutOrStdout())
	if err != nil {
		return errs.New("simulate", "", errs.Other, err)
	}
	if err := draw(result, out); err != nil {
		return err
	}
	if !reached {
		return errs.New("simulate", "", errs.Other, errors.New("a target was missed"))
	}
	return nil
}

// draw writes the picture, if one is wanted.
func draw(r *namesim.Result, name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return errs.Wrap("write picture", name, err)
	}
	return errs.Wrap("write picture", name, errors.Join(r.SVG(f), f.Close()))
}
