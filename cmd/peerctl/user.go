package main

import (
	"context"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/client"
)

func (a *app) initVerb() *cobra.Command {
	ring, nines := 0, 0
	c := &cobra.Command{
		Use:   "init [PETNAME]",
		Short: "Make a volume; prints its reference",
		Long: `Make a volume that you call PETNAME, "home" without one, and print its reference.
Who has the reference can read the whole volume. "home" is made at first use.

Its changes are ordered by a ring of four other peers, of which one may fail or lie;
--ring 7 and 10 withstand two and three, --ring 1 is your own peer. Where peers are few
the ring is smaller, and grows when there are more.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			petname := "home"
			if len(args) == 1 {
				petname = args[0]
			}
			return a.makeVolume(c.Context(), petname, ring, nines)
		},
	}
	c.Flags().IntVar(&ring, "ring", 0, "how many `peers` order its changes: 1, 4, 7 or 10 (default 4)")
	c.Flags().IntVar(&nines, "nines", 0, "durability of what is put in it, as for `peerctl plan`")
	return c
}

func (a *app) makeVolume(ctx context.Context, petname string, ring, nines int) error {
	if err := checkPetname(petname); err != nil {
		return err
	}
	v, err := a.peerd.Init(a.listening(ctx), api.InitRequest{Petname: petname, Ring: ring, Nines: nines})
	if err != nil {
		return err
	}
	a.say("%s: is ready, object %s", v.Petname, v.Object)
	return a.show(v, func() error { return a.print("%s", v.Reference) })
}

// askVersionMax is how long `peerctl version` waits for peerd's.
const askVersionMax = 2 * time.Second

func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the releases of peerctl and peerd",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v := map[string]string{"peerctl": api.Version(), "go": runtime.Version()}
			peerd := client.New(a.socket, askVersionMax)
			defer peerd.Close()
			if s, err := peerd.Status(c.Context()); err == nil {
				v["peerd"] = s.Version
			}
			return a.show(v, func() error {
				if v["peerd"] == "" {
					return a.print("peerctl %s, %s; no peerd answers", v["peerctl"], v["go"])
				}
				return a.print("peerctl %s, %s; peerd %s", v["peerctl"], v["go"], v["peerd"])
			})
		},
	}
}
