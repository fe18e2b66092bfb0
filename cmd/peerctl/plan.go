package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
)

func (a *app) planVerb() *cobra.Command {
	nines := 0
	c := &cobra.Command{
		Use:   "plan [--nines N]",
		Short: "Explain how durable data is here, and what that costs",
		Long: `Explain into how many shares what is stored is cut with the peers that are known,
when it is repaired, how likely it is lost, and what it costs. Nines count the
durability of an extent (up to 32 MiB that were stored together) over a year: 11 is
a probability of loss of 10^-11. put --nines and init --nines ask for it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.plan(c.Context(), nines) },
	}
	c.Flags().IntVar(&nines, "nines", 0, "durability that is wanted, 1 to 30; 0: the default")
	return c
}

func (a *app) plan(ctx context.Context, nines int) error {
	p, err := a.peerd.Plan(ctx, api.PlanRequest{Nines: nines})
	if err != nil {
		return err
	}
	return a.show(p, func() error { return a.print("%s", planText(p)) })
}

func planText(p api.Plan) string {
	source := "assumed, until a week has been measured"
	if p.Measured {
		source = "measured here"
	}
	text := fmt.Sprintf("shares       any %d of %d restore an extent; %d bytes stored for each byte\n", p.K, p.N, int(p.Stretch+0.5))
	text += fmt.Sprintf("repair       when no more than %d live, within %.0f h; moves up to %.1f times the data in a year\n", p.RepairAt, p.RepairHours, p.RepairTraffic)
	text += fmt.Sprintf("stored       a put counts when %d shares are stored\n", p.Enough)
	text += fmt.Sprintf("peers        %d are known: at most %s each; any %d of the holders may be lost at once\n",
		p.Peers, count(p.SharesPerHolder, "share", "shares"), p.HoldersLost)
	text += fmt.Sprintf("assumes      a peer is up %.0f %% of the time and lives %.0f days, failing independently; %s\n", 100*p.Availability, p.LifetimeDays, source)
	text += fmt.Sprintf("reaches      %.1f nines per extent and year of %.0f wanted; too many holders are down %.0e of the time", p.Nines, p.Wanted, p.Unavailable)
	if p.Nines < p.Wanted {
		text += "\nNOT reached  more peers, or peers that live longer, would"
	}
	return text
}
