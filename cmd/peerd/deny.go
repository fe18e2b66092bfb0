package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/errs"
)

// denying are the flags of deny.
type denying struct {
	extent, list, remove, inJSON bool
	reason                       string
}

// denyVerb has the peer that runs not keep something.
func denyVerb(o *options) *cobra.Command {
	d := denying{}
	c := &cobra.Command{
		Use:   "deny OBJECT",
		Short: "Drop what this peer is not to keep, and refuse it from now on",
		Long: `deny has this peer drop all shares of a volume, neither take nor renew any, and
leave its ring. OBJECT is the volume's id, or a reference into it. With --extent
it is an extent's id, which is not served either, whichever volume it is from.
Other peers are told, and rebuild the shares elsewhere: deny says what lies on
this disk, and deletes nothing from the network. The records of at most 8 KiB
that the DHT keeps here for all peers stay.`,
		Example: `  peerd deny pv6k…                        an object's id
  peerd deny --extent --reason "letter of 3 May" 4q2a…
  peerd deny --list
  peerd deny --remove pv6k…               take it again, if it is brought`,
		Args: func(_ *cobra.Command, args []string) error { return d.check(args) },
		RunE: func(c *cobra.Command, args []string) error {
			s, err := o.settings(c.Flags())
			if err != nil {
				return err
			}
			ctx, stop := follow(c.Context(), c.ErrOrStderr())
			defer stop()
			peer := ask(s)
			defer peer.Close()
			return d.run(ctx, peer, args, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.BoolVar(&d.extent, "extent", false, "the id is an extent's")
	f.BoolVar(&d.list, "list", false, "print what is denied")
	f.BoolVar(&d.remove, "remove", false, "deny it no more")
	f.StringVar(&d.reason, "reason", "", "a `text` to remember, at most 200 bytes")
	f.BoolVar(&d.inJSON, "json", false, "print JSON")
	f.StringVar(&o.flags.API, "api", "", "path of the local API's `socket` (default "+api.DefaultSocket()+")")
	return c
}

func (d denying) check(args []string) error {
	switch {
	case d.list && (len(args) > 0 || d.remove || d.extent || d.reason != ""):
		return errs.Newf("deny", "", errs.Usage, "--list goes with nothing but --json")
	case !d.list && len(args) != 1:
		return errs.Hint(errs.Newf("deny", "", errs.Usage, "want one id, not %d", len(args)), "peerd deny --help")
	case d.remove && d.reason != "":
		return errs.Newf("deny", "", errs.Usage, "--reason does not go with --remove")
	}
	return nil
}

func (d denying) run(ctx context.Context, peer *client.Client, args []string, out io.Writer) error {
	if d.list {
		all, err := peer.Denials(ctx)
		if err != nil {
			return err
		}
		return say(out, d.inJSON, all, denialsText(all))
	}
	do, text := peer.Deny, deniedText
	if d.remove {
		do, text = peer.Allow, allowedText
	}
	r, err := do(ctx, api.DenyRequest{What: args[0], Extent: d.extent, Reason: d.reason})
	if err != nil {
		return err
	}
	return say(out, d.inJSON, r, text(r))
}

func denialsText(all []api.Denial) (text string) {
	for _, d := range all {
		text += fmt.Sprintf("%s  %s  %s", d.Since.UTC().Format(time.DateOnly), kindOf(d.Extent), d.ID)
		if d.Reason != "" {
			text += fmt.Sprintf("  %q", d.Reason)
		}
		text += "\n"
	}
	return text
}

func kindOf(isExtent bool) string {
	if isExtent {
		return "extent"
	}
	return "object"
}

func deniedText(r api.Denied) string {
	text := fmt.Sprintf("denied: %s %s; %s dropped, %d bytes freed\n", kindOf(r.Extent), r.ID, counted(r.Leases, "share", "shares"), r.FreedBytes)
	if r.Member {
		text += "this peer orders its updates still, as nobody could take its place: deny it again later\n"
	}
	return text
}

func allowedText(r api.Denied) string {
	return fmt.Sprintf("not denied any more: %s %s\n", kindOf(r.Extent), r.ID)
}
