package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
)

// prune is the verb prune with its flags.
type prune struct {
	*app
	r     api.PruneRequest
	rules rules
}

func (a *app) pruneVerb() *cobra.Command {
	p := &prune{app: a}
	c := &cobra.Command{
		Use:   "prune VOLUME --keep-…",
		Short: "Forget earlier versions, and free what only they needed",
		Long: `Forget the versions of a volume that no --keep rule names, and have the holders of
its shares free what nothing refers to any more. What is in the newest version always
stays. Rules add up: a version stays if any of them keeps it. Versions that changed no
content count for none. Only the volume's owner can do it, and it cannot be undone.`,
		Example: `  peerctl prune home: --keep-last 1                  the newest version alone
  peerctl prune home: --keep-daily 7 --keep-weekly 5 --keep-within 2d
  peerctl prune home: --keep-last 10 --dry-run       only say what would be forgotten`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return p.run(c.Context(), args[0]) },
	}
	f := c.Flags()
	p.rules.flags(f)
	f.BoolVarP(&p.r.Dry, "dry-run", "n", false, "only say what would be forgotten")
	return c
}

func (p *prune) run(ctx context.Context, arg string) (err error) {
	if p.r.Ref, err = p.volumeRef(arg); err != nil {
		return err
	}
	if p.r.Retention, err = p.rules.retention(); err != nil {
		return err
	}
	m := p.meter("prune "+shown(p.r.Ref), 0)
	out, err := p.peerd.Prune(api.WithObserver(ctx, m), p.r)
	m.close()
	if err != nil {
		return err
	}
	return p.show(out, func() error {
		text := fmt.Sprintf("%s kept, %d forgotten", count(out.Kept, "version", "versions"), out.Forgotten)
		if p.r.Dry {
			return p.print("%s, if it were done", text)
		}
		return p.print("%s; %s", text, collectedText(out.Collected))
	})
}

// volumeRef returns the reference that names a volume: a petname does, with or
// without its colon.
func (a *app) volumeRef(arg string) (string, error) {
	if !strings.ContainsAny(arg, ":@/") {
		arg += ":"
	}
	return a.ref(arg)
}

func (a *app) gcVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "gc [VOLUME]",
		Short: "Have holders free what a volume does not need any more",
		Long: `Release the extents that no retained version of a volume refers to, and have their
holders free them: within minutes those that answer, when their leases run out the
others. What puts of large files have left that were cut off more than a day ago goes
too. Without VOLUME it is home:. prune does this too.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			arg := "home:"
			if len(args) == 1 {
				arg = args[0]
			}
			return a.collect(c.Context(), arg)
		},
	}
}

func (a *app) collect(ctx context.Context, arg string) error {
	ref, err := a.volumeRef(arg)
	if err != nil {
		return err
	}
	m := a.meter("gc "+shown(ref), 0)
	out, err := a.peerd.Collect(api.WithObserver(ctx, m), api.CollectRequest{Ref: ref})
	m.close()
	if err != nil {
		return err
	}
	return a.show(out, func() error { return a.print("%s", collectedText(out)) })
}

func collectedText(c api.Collected) string {
	if c.Extents == 0 {
		return "nothing to free"
	}
	text := fmt.Sprintf("%s released, %s on %s being freed", count(c.Extents, "extent", "extents"), size(c.FreedBytes), count(c.Holders-c.Silent, "holder", "holders"))
	if c.Silent > 0 {
		text += fmt.Sprintf("; %s could not be told, and will when the leases run out", count(c.Silent, "holder", "holders"))
	}
	return text
}

func (a *app) quotaVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "quota",
		Short: "Show how much is stored on this peer, and whose it is",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.quota(c.Context()) },
	}
}

func (a *app) quota(ctx context.Context) error {
	q, err := a.peerd.Quota(ctx)
	if err != nil {
		return err
	}
	return a.show(q, func() error {
		if err := a.print("%s in %s; %s of %s of the disk taken, %s left", size(q.StoredBytes), count(q.Shares, "share", "shares"), size(q.DiskBytes), size(q.QuotaBytes), size(q.FreeBytes)); err != nil {
			return err
		}
		if q.Damaged > 0 {
			if err := a.print("%s damaged on this disk", count(q.Damaged, "share is", "shares are")); err != nil {
				return err
			}
		}
		for _, list := range []struct {
			kind     string
			accounts []api.Account
		}{{"author", q.Authors}, {"object", q.Objects}} {
			for _, x := range list.accounts {
				if err := a.print("%s %s  %s in %s", list.kind, x.Name, size(x.Bytes), count(x.Leases, "share", "shares")); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
