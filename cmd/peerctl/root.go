package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/errs"
)

// app is what all verbs share: the global flags, the standard streams and the
// connection to peerd.
type app struct {
	socket      string
	json        bool
	quiet       bool
	timeout     time.Duration
	consistency string

	in       io.Reader
	out, err io.Writer
	peerd    *client.Client
}

// run runs peerctl and returns its exit code.
func run(ctx context.Context, args []string, in io.Reader, out, err io.Writer) int {
	a := &app{in: in, out: standardOutput{out}, err: err}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(err)
	began := false
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		began = true
		return a.begin()
	}
	verb, failure := root.ExecuteContextC(ctx)
	if a.peerd != nil {
		a.peerd.Close()
	}
	if failure == nil {
		return 0
	}
	if !began {
		a.json = a.json || slices.Contains(args, "--json")
		failure = errs.Hint(errs.New("", "", errs.Usage, failure), "see `%s --help`", verb.CommandPath())
	}
	a.complain(failure)
	return errs.KindOf(failure).ExitCode()
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "peerctl",
		Short: "Store, share and fetch files through your own peer",
		Long: `peerctl talks to the peerd that you run. It stores files so that they outlive the
loss of many peers, and fetches them from any peer.

REF is PETNAME:/path (home: is your first volume), or a reference atoll:… that
somebody gave you. REF@7, REF@-1 and REF@2026-11-01T12:00Z name earlier versions.
In a REF, @, % and odd bytes of a name are written as %40, %25, %XX. A reference
holds keys: @FILE or @- in the place of REF reads it from a file or from standard
input, so that it does not stand in the list of processes.

Exit codes: 0 done, 1 failed, 2 usage, 3 partly done, 4 not found, 5 refused,
6 conflict, 7 no quorum, 8 too few shares or holders, 9 quota or disk full,
10 time ran out, 11 peerd is not running, 12 damaged beyond repair,
130 interrupted.`,
		Example: `  peerctl put notes.txt                store notes.txt as home:/notes.txt
  peerctl put -r photos home:/photos   store a directory
  peerctl get home:/notes.txt -        write it to standard output
  peerctl get -r REF photos            fetch a directory, on any peer`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(*cobra.Command, []string) error { return usage("a verb is missing") },
	}
	f := root.PersistentFlags()
	f.StringVar(&a.socket, "api", api.DefaultSocket(), "path of peerd's `socket`")
	f.BoolVar(&a.json, "json", false, "write one JSON document per line")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no notes, only results and errors")
	f.DurationVar(&a.timeout, "timeout", 30*time.Second, "give up after this long without progress; 0: never")
	f.StringVar(&a.consistency, "consistency", api.Session, "how new reads must be: any, session, bounded=DURATION or latest (`level`)")
	root.AddCommand(
		a.initVerb(), a.idVerb(), a.putVerb(), a.appendVerb(), a.getVerb(), a.catVerb(), a.lsVerb(), a.statVerb(), a.mkdirVerb(), a.rmVerb(),
		a.mvVerb(), a.cpVerb(), a.diffVerb(), a.restoreVerb(),
		a.shareVerb(), a.revokeVerb(), a.volumesVerb(), a.volumeVerb(), a.pendingVerb(), a.nameVerb(),
		a.logVerb(), a.watchVerb(), a.waitVerb(), a.checkVerb(), a.planVerb(), a.pruneVerb(), a.gcVerb(), a.quotaVerb(), a.ringVerb(), a.verifyVerb(), a.statusVerb(), a.peersVerb(), a.doctorVerb(), a.inviteVerb(), a.versionVerb(),
	)
	return root
}

// begin checks the global flags.
func (a *app) begin() error {
	if a.timeout < 0 {
		return usage("--timeout is negative")
	}
	if _, err := api.ParseConsistency(a.consistency); err != nil {
		return errs.Hint(err, "see `peerctl --help`")
	}
	a.peerd = client.New(a.socket, a.timeout)
	return nil
}

// usage returns an error that says how the command was not understood.
func usage(format string, args ...any) error {
	return errs.Hint(errs.New("", "", errs.Usage, fmt.Errorf(format, args...)), "see `peerctl --help`")
}

// each does something for each argument, names those that failed and goes on.
// Its error is that of the arguments, or errs.Partial if some succeeded.
func (a *app) each(ctx context.Context, args []string, do func(arg string) error) error {
	var failures []error
	for _, arg := range args {
		err := do(arg)
		if ctx.Err() != nil || len(args) == 1 {
			return err
		}
		if err != nil {
			a.complain(err)
			failures = append(failures, err)
		}
	}
	switch len(failures) {
	case 0:
		return nil
	case len(args):
		return toldAs(errs.KindOf(failures[0]))
	}
	return toldAs(errs.Partial)
}

// told is a failure whose message the user has seen.
type told struct{ kind errs.Kind }

func (t *told) Error() string { return t.kind.String() }

// toldAs returns a failure of that kind without a message of its own.
func toldAs(kind errs.Kind) error { return errs.New("", "", kind, &told{kind}) }

func isTold(err error) bool {
	var t *told
	return errors.As(err, &t)
}
