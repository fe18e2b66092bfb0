package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

func (a *app) statusVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show how your peer is",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.status(c.Context()) },
	}
}

func (a *app) status(ctx context.Context) error {
	s, err := a.peerd.Status(ctx)
	if err != nil {
		return err
	}
	return a.show(s, func() error {
		err := a.print("peer       %s\nrelease    %s\nup         %v\nknows      %s, %d connected\nstores     %s of %s\naddresses  %s",
			s.Peer, s.Version, time.Duration(s.UptimeSec)*time.Second, count(s.Peers, "peer", "peers"), s.Connected,
			size(s.StoredBytes), size(s.QuotaBytes), strings.Join(s.Addresses, "\n           "))
		for _, line := range [][2]string{{"dns", s.DNS}, {"dot", s.DoT}, {"doh", s.DoH}, {"dns pin", s.DNSPin}} {
			if err == nil && line[1] != "" {
				err = a.print("%-10s %s", line[0], line[1])
			}
		}
		for _, v := range s.Volumes {
			if err == nil {
				err = a.print("volume     %s: version %d, object %s", v.Petname, v.Version, v.Object)
			}
		}
		return err
	})
}

func (a *app) peersVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "peers",
		Short: "List the peers that yours knows",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.peers(c.Context()) },
	}
}

func (a *app) peers(ctx context.Context) error {
	peers, err := a.peerd.Peers(ctx)
	if err != nil {
		return err
	}
	for _, p := range peers {
		err := a.show(p, func() error {
			state := "known"
			if p.Connected {
				state = "connected"
			}
			return a.print("%s  %-9s  %8v  %10s free  %s", p.Peer, state, time.Duration(p.RTTMicros)*time.Microsecond, size(p.FreeBytes), strings.Join(p.Addresses, " "))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) doctorVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong and how to mend it",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.doctor(c.Context()) },
	}
}

func (a *app) doctor(ctx context.Context) error {
	findings, err := a.peerd.Doctor(ctx)
	if err != nil {
		return err
	}
	problems := 0
	for _, f := range findings {
		if f.Severity == api.Problem {
			problems++
		}
		err := a.show(f, func() error {
			text := string(f.Severity) + "  " + f.Subject + ": " + f.Message
			if f.Hint != "" {
				text += "\n  " + f.Hint
			}
			return a.print("%s", text)
		})
		if err != nil {
			return err
		}
	}
	if problems > 0 {
		return errs.Newf("doctor", "", errs.Other, "%s", count(problems, "problem", "problems"))
	}
	return nil
}

func (a *app) inviteVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "invite",
		Short: "Print a string with which another peer can join",
		Long:  "Print a string with which another peer can join:\n\n  peerd run --join STRING",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.invite(c.Context()) },
	}
}

func (a *app) invite(ctx context.Context) error {
	text, err := a.peerd.Invite(ctx)
	if err != nil {
		return err
	}
	return a.show(map[string]string{"invite": text}, func() error { return a.print("%s", text) })
}
