package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

func (a *app) ringVerb() *cobra.Command {
	var replace, evidence string
	var recover, yes bool
	c := &cobra.Command{
		Use:   "ring REF [--evidence FILE | --replace PEER | --recover]",
		Short: "Show or change the peers that order a volume's changes",
		Long: `Show the peers that order a volume's changes: its ring.

Of 3f+1 members f may fail or lie. Each line is one of them, the leader marked with *:
ok, behind (it lacks the newest version), silent (it does not answer), lost (it has lost its disk).
Who was caught lying is named below. --evidence writes the proof of it to a new file; verify
checks that anywhere, without a network.

A member that is silent for long is replaced without a command. --replace does it now. If more
than f members are lost for good, nothing can be changed any more: --recover has a new ring go
on from the newest version that can be found, which may discard what only the lost ones knew.
It says so, and asks. Everybody can see afterwards that it was done.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case recover && replace != "":
				return usage("--replace and --recover exclude each other")
			case recover:
				return a.recoverRing(c.Context(), args[0], yes)
			case yes:
				return usage("--yes is for --recover")
			case evidence != "" && replace != "":
				return usage("--evidence and --replace exclude each other")
			case replace != "":
				return a.replaceMember(c.Context(), args[0], replace)
			}
			return a.ring(c.Context(), args[0], evidence)
		},
	}
	c.Flags().StringVar(&evidence, "evidence", "", "write the proof of lies to a new `FILE`; - is standard output")
	c.Flags().StringVar(&replace, "replace", "", "put another peer in the place of `PEER`")
	c.Flags().BoolVar(&recover, "recover", false, "make a new ring in the place of one that is lost")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (a *app) ring(ctx context.Context, arg, evidence string) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	r, err := a.peerd.Ring(a.listening(ctx), api.RingRequest{Ref: ref})
	if err != nil {
		return err
	}
	if evidence != "" {
		return a.exportEvidence(r, evidence)
	}
	return a.show(r, func() error { return a.printRing(r) })
}

// exportEvidence writes what proves the lies of a ring's members.
func (a *app) exportEvidence(r api.Ring, file string) error {
	switch {
	case len(r.Exhibit) == 0:
		return errs.Newf("ring", r.Object, errs.NotFound, "no member of the ring was caught lying")
	case file == "-":
		_, err := a.out.Write(r.Exhibit)
		return err
	}
	if err := a.writeNew(file, bytes.NewReader(r.Exhibit)); err != nil {
		return err
	}
	a.say("%s: the proof of %s", api.Path(file), count(len(r.Evidence), "lie", "lies"))
	return nil
}

func (a *app) printRing(r api.Ring) error {
	when := "nothing is ordered yet"
	switch {
	case r.Version > 0 && r.Time.IsZero():
		when = "with which its ring began"
	case r.Version > 0:
		when = "certified " + r.Time.Local().Format(time.DateTime)
	}
	if err := a.print("object   %s\nversion  %d, %s\nepoch    %d, view %d\nquorum   %d of %d, %d answer%s",
		r.Object, r.Version, when, r.Epoch, r.View, r.Quorum, len(r.Members), r.Answering, shortOf(r)); err != nil {
		return err
	}
	if r.Overrides > 0 {
		if err := a.print("the owner has replaced lost rings %s", count(int(r.Overrides), "time", "times")); err != nil {
			return err
		}
	}
	for _, m := range r.Members {
		mark, took := " ", ""
		if m.Peer == r.Leader {
			mark = "*"
		}
		if m.RTT > 0 {
			took = (time.Duration(m.RTT) * time.Microsecond).String()
		}
		if err := a.print("%s %s  %-6s  version %d  %s", mark, m.Peer, m.State, m.Version, took); err != nil {
			return err
		}
	}
	for _, e := range r.Evidence {
		if err := a.print("evidence: %s", e); err != nil {
			return err
		}
	}
	return nil
}

// shortOf says what a ring cannot do now.
func shortOf(r api.Ring) string {
	switch {
	case r.Answering < r.Quorum:
		return ": changes wait until more return"
	case len(r.Members) < r.Wanted:
		return fmt.Sprintf("; the volume wants a ring of %d", r.Wanted)
	}
	return ""
}
