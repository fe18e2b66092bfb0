package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

func (a *app) pendingVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "pending",
		Short: "List changes that wait until your volume's ring can be reached",
		Long: `While no peer that orders a volume can be reached, put FILE, mkdir and rm (of one entry)
wait on your own peer. They are ordered by themselves when one answers, if nobody has
changed the same entry meanwhile. Otherwise they are kept aside, with the reason: fetch
the content with pending get, see what to do about it, and pending drop it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.pending(c.Context()) },
	}
	c.AddCommand(&cobra.Command{
		Use:   "get NUMBER FILE|-",
		Short: "Write the content of a put that waits to a new file",
		Args:  cobra.ExactArgs(2),
		RunE:  func(c *cobra.Command, args []string) error { return a.pendingGet(c.Context(), args[0], args[1]) },
	}, &cobra.Command{
		Use:   "drop NUMBER…",
		Short: "Forget changes that wait",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.each(c.Context(), args, func(arg string) error { return a.pendingDrop(c.Context(), arg) })
		},
	})
	return c
}

func (a *app) pending(ctx context.Context) error {
	changes, err := a.peerd.Pending(ctx)
	if err != nil {
		return err
	}
	aside := 0
	for _, p := range changes {
		state := "waits"
		if p.Reason != "" {
			aside++
			state = "kept aside: " + p.Reason
		}
		err := a.show(p, func() error {
			return a.print("%4d  %s  %-5s  %s  %s, %s", p.ID, p.Made.Local().Format(time.DateTime), p.Verb, p.Dest, size(p.Bytes), state)
		})
		if err != nil {
			return err
		}
	}
	if aside > 0 {
		return errs.Hint(errs.Newf("pending", "", errs.Conflict, "%s kept aside", count(aside, "change is", "changes are")),
			"peerctl pending get NUMBER FILE writes what was put; peerctl pending drop NUMBER forgets it")
	}
	return nil
}

func pendingNumber(arg string) (api.PendingRequest, error) {
	n, err := strconv.ParseUint(arg, 10, 64)
	if err != nil {
		return api.PendingRequest{}, usage("%q is no number of a pending change", arg)
	}
	return api.PendingRequest{ID: n}, nil
}

func (a *app) pendingGet(ctx context.Context, arg, file string) error {
	r, err := pendingNumber(arg)
	if err != nil {
		return err
	}
	content, err := a.peerd.PendingContent(ctx, r)
	if err != nil {
		return err
	}
	defer content.Close()
	if file == "-" {
		return pour(a.out, content)
	}
	return a.writeNew(file, content)
}

// writeNew writes a file that must not be there yet; it appears when it is whole.
func (a *app) writeNew(file string, content io.Reader) error {
	if _, err := os.Lstat(file); err == nil {
		return errs.New("write", api.Path(file).String(), errs.Conflict, os.ErrExist)
	}
	d, err := local.OpenDir(filepath.Dir(file), local.Options{})
	if err != nil {
		return local.Failure("write", file, err)
	}
	defer d.Close()
	return local.Failure("write", file, d.File(filepath.Base(file), api.Entry{Mode: 0o600, ModTime: time.Now()}, content))
}

func (a *app) pendingDrop(ctx context.Context, arg string) error {
	r, err := pendingNumber(arg)
	if err != nil {
		return err
	}
	dropped, err := a.peerd.DropPending(a.listening(ctx), r)
	if err != nil {
		return err
	}
	a.say("peerctl: change %d, %s %s, is forgotten", dropped.ID, dropped.Verb, dropped.Dest)
	return a.show(dropped, func() error { return nil })
}

// waits returns the failure that a change is not ordered yet, but kept.
func waits(op, ref string, r api.PutResult) error {
	return errs.Hint(errs.Newf(op, shown(ref), errs.NoQuorum, "no peer that orders the volume can be reached; it waits as change %d", r.Pending),
		"it is ordered when one answers, if nobody changes the same entry until then; see peerctl pending")
}
