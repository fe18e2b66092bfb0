package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

func (a *app) appendVerb() *cobra.Command {
	until := ""
	c := &cobra.Command{
		Use:   "append REF FILE|-",
		Short: "Append lines to a file, from as many writers as there are",
		Long: `Append what FILE or standard input holds to the file REF, and print its reference.
A file that is not there is made.

Lines are ordered as they come, together with those that are there already; a pipe
may stay open for as long as it likes. However many append at once, each line is
there once and in one piece, in an order that is the same for everybody; nobody
has to try again. A line has at most 8 MiB. An input of many lines is ordered in
several updates, in its order; lines of others may come between them.

While the input is open, a ring that lacks a quorum is waited for; --timeout counts
once it has ended. Exit code 0 means that all of it is ordered. What was ordered before a failure
stays, and the message says how many bytes that is.`,
		Example: `  echo ready | peerctl append home:/log -
  tail -n 0 -f app.log | peerctl append home:/log -`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if s := api.State(until); s != api.Ordered && s != api.Archived {
				return usage("--until is ordered or archived, not %q", until)
			}
			return a.append(c.Context(), args[0], args[1], api.State(until))
		},
	}
	c.Flags().StringVar(&until, "until", string(api.Ordered), "when to return: `ordered or archived`")
	return c
}

func (a *app) append(ctx context.Context, arg, file string, until api.State) error {
	if arg == "@-" && file == "-" {
		return usage("standard input cannot be both the reference and what is appended")
	}
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	q := api.AppendRequest{Ref: ref, Mode: 0o644, Until: until}
	if file == "-" {
		return a.appendFrom(a.listening(ctx), q, a.in)
	}
	f, err := os.Open(file)
	if err != nil {
		return local.Failure("append", file, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return local.Failure("append", file, err)
	}
	if info.IsDir() {
		return errs.New("append", api.Path(file).String(), errs.Usage, errors.New("it is a directory"))
	}
	if info.Mode().Type() == fs.ModeNamedPipe { // it may have no end
		return a.appendFrom(a.listening(ctx), q, f)
	}
	m := a.meter(api.Path(file).String(), info.Size())
	defer m.close()
	return a.appendFrom(api.WithObserver(ctx, m), q, m.reader(f))
}

// appendFrom appends content and prints the reference of the file.
func (a *app) appendFrom(ctx context.Context, q api.AppendRequest, content io.Reader) error {
	r, err := a.peerd.Append(ctx, q, content)
	if err != nil {
		return err
	}
	a.say("%s: %s appended, %s", placed(q.Ref, r.Path), size(r.Bytes), outcome(r))
	return a.show(r, func() error { return a.print("%s", r.Reference) })
}
