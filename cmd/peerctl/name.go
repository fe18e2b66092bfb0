package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
)

func (a *app) nameVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "name VERB",
		Short: "Give names to hosts and data, and look names up",
		Long: `Names lie in zones, signed by their owner and kept by the network: they stay when your
peer is off. Any DNS client can ask the address that peerctl status names.

NAME is a full name, or one that ends in the label of one of your zones: www.photos lies
in your zone photos. A zone has a self-certifying name under atoll.alt., which is its key
and needs nobody's consent, and more names if parents delegate some to it.`,
		Example: `  peerctl name zone create photos
  peerctl name set www.photos A 192.0.2.7 --ttl 300
  peerctl name link docs.photos home:/docs --public
  peerctl name resolve www.photos`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("name has no verb %s", args[0])
			}
			return usage("name: a verb is missing")
		},
	}
	c.AddCommand(
		a.nameZoneVerb(), a.nameSetVerb("set", "Put records in the place of those of their type"), a.nameSetVerb("add", "Put records beside those that are there"),
		a.nameRemoveVerb(), a.nameLinkVerb(), a.nameDelegateVerb(), a.nameRegisterVerb(), a.nameImportVerb(), a.namePublishVerb(),
		a.nameListVerb(), a.nameExportVerb(), a.nameAnchorVerb(), a.nameResolveVerb(), a.nameStatusVerb(),
	)
	return c
}

func (a *app) nameZoneVerb() *cobra.Command {
	c := &cobra.Command{
		Use: "zone VERB LABEL", Short: "Make and change zones",
		RunE: func(*cobra.Command, []string) error { return usage("name zone: a verb is missing") },
	}
	create := &cobra.Command{
		Use: "create LABEL", Short: "Make a zone; its self-certifying name on standard output", Args: cobra.ExactArgs(1),
	}
	root := create.Flags().String("root", "", "it is a root: peers that trust it resolve names under this `suffix` in it")
	open := create.Flags().Bool("open", false, "others may register names in it, first come, first served")
	create.RunE = func(c *cobra.Command, args []string) error {
		return a.nameZone(c.Context(), api.NameZoneRequest{Op: "create", Label: args[0], Root: *root, Open: *open})
	}
	c.AddCommand(create)
	for _, v := range []struct{ op, short string }{
		{"open", "Let others register names in it"}, {"close", "Take no more registrations"},
		{"roll", "Bring in a new key beside the present one"}, {"finish", "Retire the old key of a roll, once parents have the new one"},
		{"show", "Show a zone's names and keys"},
	} {
		c.AddCommand(&cobra.Command{Use: v.op + " LABEL", Short: v.short, Args: cobra.ExactArgs(1), RunE: func(c *cobra.Command, args []string) error {
			return a.nameZone(c.Context(), api.NameZoneRequest{Op: v.op, Label: args[0]})
		}})
	}
	return c
}

func (a *app) nameZone(ctx context.Context, r api.NameZoneRequest) error {
	z, err := a.peerd.NameZone(a.listening(ctx), r)
	if err != nil {
		return err
	}
	switch r.Op {
	case "create":
		a.say("zone %s is made", z.Label)
		return a.show(z, func() error { return a.print("%s", z.Name) })
	case "show":
		return a.show(z, func() error { return a.printZone(z) })
	}
	a.say("zone %s: done", z.Label)
	return a.show(z, func() error { return nil })
}

func (a *app) printZone(z api.NameZone) error {
	lines := []string{fmt.Sprintf("zone    %s, serial %d", z.Label, z.Serial), "name    " + z.Name}
	for _, n := range z.Names {
		lines = append(lines, "also    "+n)
	}
	if z.Open {
		lines = append(lines, "open    to registrations")
	}
	for _, ds := range z.DS {
		lines = append(lines, "ds      "+ds)
	}
	return a.print("%s", strings.Join(lines, "\n"))
}

func (a *app) nameAnchorVerb() *cobra.Command {
	ds := false
	c := &cobra.Command{
		Use: "anchor [NAME]", Short: "Print what a validator outside is to trust, as delv and BIND read it", Args: cobra.MaximumNArgs(1),
		Long: `Print what a validator outside is to trust, as delv and BIND read it: with NAME, a zone of yours
or a self-certifying name, the keys of that zone; without, the key of this peer's own zone
atoll.alt, below which all self-certifying names lie, and of the roots that it trusts. --ds
prints DS records, as peerd's configuration takes them as roots.

  peerctl name anchor >anchors
  delv -a anchors +root=test @127.0.0.1 -p 5335 www.photos.test`,
		RunE: func(c *cobra.Command, args []string) error {
			anchors, err := a.peerd.NameAnchors(c.Context(), api.NameListRequest{Zone: strings.Join(args, "")})
			if err != nil {
				return err
			}
			return a.show(anchors, func() error {
				if ds {
					return a.print("%s", strings.Join(anchors.DS, "\n"))
				}
				return a.print("trust-anchors {\n\t%s\n};", strings.Join(anchors.Anchors, "\n\t"))
			})
		},
	}
	c.Flags().BoolVar(&ds, "ds", false, "print DS records")
	return c
}
