package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet/custodysim"
	"github.com/spf13/cobra"
)

func simCustodyCommand() *cobra.Command {
	cfg := custodysim.Default()
	lifetime, picture, table := cfg.Lifetime.String(), "", false
	c := &cobra.Command{
		Use:   "custody",
		Short: "Simulate how long data lives, and what repairs cost",
		Long: `Simulate peers that come, go away for hours and die, and the custodians of what
they hold, which decide as running ones do. Prints losses, repair traffic and
redundancy beside the closed forms for exponential lifetimes. --table does so for
the published settings that lose data within 500 years.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if table {
				return simTable(c, cfg.Seed)
			}
			if cfg.Lifetime, err = custodysim.ParseDistribution(lifetime); err != nil {
				return err
			}
			return simCustody(c, cfg, picture)
		},
	}
	f := c.Flags()
	f.IntVar(&cfg.Peers, "peers", cfg.Peers, "how many peers")
	f.IntVar(&cfg.Extents, "extents", cfg.Extents, "how many extents")
	f.IntVar(&cfg.K, "k", cfg.K, "so many shares restore an extent")
	f.IntVar(&cfg.N, "n", cfg.N, "so many there are")
	f.IntVar(&cfg.Threshold, "threshold", cfg.Threshold, "so many live ones, or fewer, are repaired")
	f.Float64Var(&cfg.Years, "years", cfg.Years, "virtual time")
	f.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "chooses everything that is drawn")
	f.StringVar(&lifetime, "lifetime", lifetime, "`distribution`: exponential, heavy-tailed or trace-like")
	f.Float64Var(&cfg.LifetimeDays, "life", cfg.LifetimeDays, "mean `days` until a peer is gone for good")
	f.Float64Var(&cfg.Availability, "availability", cfg.Availability, "part of the time in which a peer is up")
	f.Float64Var(&cfg.AwayHours, "away", cfg.AwayHours, "mean `hours` of an absence")
	f.BoolVar(&cfg.Diurnal, "diurnal", false, "peers are away once a day, for all of --away")
	f.Float64Var(&cfg.DeadAfterHours, "dead-after", cfg.DeadAfterHours, "`hours` of silence after which a peer counts as lost")
	f.Float64Var(&cfg.RepairHours, "repair", cfg.RepairHours, "mean `hours` that a repair takes")
	f.IntVar(&cfg.RepairsMax, "repairs", 0, "how many run at once in the whole network; 0: any number")
	f.Float64Var(&cfg.FailDay, "fail-day", 0, "`day` on which a part of the peers dies at once")
	f.Float64Var(&cfg.FailPart, "fail-part", 0.1, "that part")
	f.StringVar(&picture, "out", "", "write a picture (SVG) of redundancy and traffic over time to `FILE`")
	f.BoolVar(&table, "table", false, "the published settings, with nothing but --seed")
	return c
}

func simCustody(c *cobra.Command, cfg custodysim.Config, picture string) error {
	r, err := custodysim.Run(c.Context(), cfg)
	if err != nil {
		return err
	}
	if err := r.Print(c.OutOrStdout(), cfg); err != nil || picture == "" {
		return err
	}
	file, err := os.Create(picture)
	if err != nil {
		return errs.New("draw", picture, errs.Other, err)
	}
	defer file.Close()
	if err := r.SVG(file, cfg); err != nil {
		return err
	}
	return file.Close()
}

// simTable runs all settings; one that misses the closed form by more than the
// aim is a failure.
func simTable(c *cobra.Command, seed uint64) error {
	const yearsOff = 0.10
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "setting\tlosses\tyears to loss\tclosed form\toff\ttraffic\tclosed form\toff")
	missed := 0
	for _, s := range custodysim.Settings() {
		r, err := custodysim.Run(c.Context(), s.Config(seed))
		if err != nil {
			return err
		}
		years, traffic := r.YearsToLoss/r.ExpectedYears-1, r.Traffic/r.ExpectedTraffic-1
		if max(years, -years) > yearsOff {
			missed++
		}
		fmt.Fprintf(t, "%v\t%d\t%.3g\t%.3g\t%+.1f %%\t%.1f\t%.1f\t%+.1f %%\n", s, r.Lost, r.YearsToLoss, r.ExpectedYears, 100*years, r.Traffic, r.ExpectedTraffic, 100*traffic)
	}
	if err := t.Flush(); err != nil || missed == 0 {
		return err
	}
	return errs.Newf("simulate custody", "", errs.Other, "%d settings miss the closed form by more than %.0f %%", missed, 100*yearsOff)
}
