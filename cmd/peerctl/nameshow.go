package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

func (a *app) nameListVerb() *cobra.Command {
	return &cobra.Command{
		Use: "ls [NAME]", Short: "List your zones, or the records at and below a name in them", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var r api.NameListRequest
			if len(args) > 0 {
				r.Zone = args[0]
			}
			list, err := a.peerd.NameList(c.Context(), r)
			if err != nil {
				return err
			}
			return a.show(list, func() error { return a.printNames(list) })
		},
	}
}

func (a *app) printNames(list api.NameList) error {
	for _, z := range list.Zones {
		if err := a.print("%-20s %s", z.Label, z.Name); err != nil {
			return err
		}
	}
	for _, r := range list.Records {
		if err := a.print("%s\t%d\tIN\t%s\t%s", r.Name, r.TTL, r.Type, r.Data); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) nameExportVerb() *cobra.Command {
	return &cobra.Command{
		Use: "export LABEL", Short: "Write a zone as a master file", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := a.peerd.NameList(c.Context(), api.NameListRequest{Zone: args[0], Export: true})
			if err != nil {
				return err
			}
			return a.show(list, func() error {
				_, err := fmt.Fprint(a.out, list.Master)
				return err
			})
		},
	}
}

func (a *app) nameResolveVerb() *cobra.Command {
	trace := false
	c := &cobra.Command{
		Use: "resolve NAME [TYPE]", Short: "Look a name up", Args: cobra.RangeArgs(1, 2),
		Long: `Look a name up, as the DNS of your peer does. Exit code 4: there is no such name, or it has
no records of that type; 1: it could not be found out.`,
		RunE: func(c *cobra.Command, args []string) error {
			r := api.NameResolveRequest{Name: args[0], Trace: trace}
			if len(args) > 1 {
				r.Type = args[1]
			}
			return a.resolve(c.Context(), r)
		},
	}
	c.Flags().BoolVar(&trace, "trace", false, "show each step and what it took")
	return c
}

func (a *app) resolve(ctx context.Context, r api.NameResolveRequest) error {
	got, err := a.peerd.NameResolve(a.listening(ctx), r)
	if err != nil {
		return err
	}
	if err := a.show(got, func() error { return a.printAnswer(got) }); err != nil {
		return err
	}
	switch {
	case got.Code == "NXDOMAIN":
		return errs.Newf("resolve name", got.Name, errs.NotFound, "there is no such name")
	case got.Code != "NOERROR":
		return errs.Newf("resolve name", got.Name, errs.Other, "%s: %s", got.Code, got.Error)
	case len(got.Answer) == 0:
		return errs.Newf("resolve name", got.Name, errs.NotFound, "the name has no records of type %s", got.Type)
	}
	return nil
}

func (a *app) printAnswer(got api.NameAnswer) error {
	for _, s := range got.Trace {
		if err := a.print("; %8.1f ms  %-9s %-10s %s %s", float64(s.Micros)/1000, s.From, s.What, s.Zone, s.Note); err != nil {
			return err
		}
	}
	for _, line := range got.Answer {
		if err := a.print("%s", line); err != nil {
			return err
		}
	}
	switch {
	case got.Stale:
		a.say("this is old: its owner's records could not be reached")
	case !got.Secure:
		a.say("this is not signed by anybody whom this peer trusts")
	}
	return nil
}

func (a *app) nameStatusVerb() *cobra.Command {
	return &cobra.Command{
		Use: "status LABEL", Short: "Show how each published name of a zone is", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.peerd.NameStatus(a.listening(c.Context()), api.NameListRequest{Zone: args[0]})
			if err != nil {
				return err
			}
			return a.show(s, func() error { return a.printNameStatus(s) })
		},
	}
}

func (a *app) printNameStatus(s api.NameStatus) error {
	if err := a.print("%s, serial %d", s.Zone.Name, s.Zone.Serial); err != nil {
		return err
	}
	for _, n := range s.Names {
		if err := a.print("%-30s on %s, %s, %s, signed until %s", n.Name, count(n.Stored, "peer", "peers"), seenOf(n), popularityOf(n), n.Expires.Local().Format(time.DateTime)); err != nil {
			return err
		}
	}
	return nil
}

// seenOf says when a name was last seen at other peers.
func seenOf(n api.NameStatusLine) string {
	if n.Seen == nil {
		return "not seen elsewhere since peerd started"
	}
	return "seen elsewhere " + n.Seen.Local().Format(time.DateTime)
}

// popularityOf says how often a name is looked up, and where copies lie
// therefore.
func popularityOf(n api.NameStatusLine) string {
	const nearest, digitBits = 64, 4
	asked := fmt.Sprintf("%.1f lookups an hour", n.Popularity)
	switch {
	case n.Level >= nearest:
		return asked + ", no copies ahead of use"
	case n.Level == 0:
		return asked + ", copied to every peer"
	}
	return fmt.Sprintf("%s, level %d: copied to 1 in %d peers", asked, n.Level, 1<<(digitBits*min(n.Level, 15)))
}
