package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/node"
)

// execute runs peerd and returns its exit code.
func execute(ctx context.Context, args []string, out, complaints io.Writer) int {
	root := command()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(complaints)
	began := false
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	verb, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if !began {
		err = errs.Hint(errs.New("", "", errs.Usage, err), "see `%s --help`", verb.CommandPath())
	}
	fmt.Fprintf(complaints, "peerd: %v\n", err)
	if hint := errs.HintOf(err); hint != "" {
		fmt.Fprintf(complaints, "  %s\n", strings.ReplaceAll(hint, "\n", "\n  "))
	}
	return errs.KindOf(err).ExitCode()
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "peerd",
		Short: "Be a peer of an Atoll network",
		Long: `peerd keeps shares of other people's files, encrypted, within a quota, and serves
peerctl on this machine. It works with no configuration, alone or with --join.`,
		Example: `  peerd run                       be a peer
  peerd run --join STRING         join through a peer that gave you STRING (peerctl invite)
  peerd check                     read every share on this disk
  peerd deny OBJECT               drop what this peer is not to keep
  peerd leave                     have others take over what this peer holds`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(*cobra.Command, []string) error {
			return errs.Hint(errs.New("", "", errs.Usage, errors.New("a verb is missing")), "see `peerd --help`")
		},
	}
	o := &options{}
	f := root.PersistentFlags()
	f.StringVar(&o.dir, "dir", api.DefaultDir(), "data `directory`")
	f.StringVar(&o.config, "config", "", "configuration `file` (default DIR/config.toml, if it is there)")
	root.AddCommand(initVerb(o), runVerb(o), checkVerb(o), denyVerb(o), leaveVerb(o), versionVerb())
	return root
}

func runVerb(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "run",
		Short: "Be a peer until interrupted",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := o.settings(c.Flags())
			if err != nil {
				return err
			}
			return run(c.Context(), o, s, c.ErrOrStderr())
		},
	}
	o.define(c.Flags())
	return c
}

func run(ctx context.Context, o *options, s settings, log io.Writer) error {
	cfg, err := s.node(o.dir, log)
	if err == nil && cfg.QuotaBytes == 0 {
		cfg.QuotaBytes, err = chooseQuota(o.dir, o.path(), log)
	}
	if err != nil {
		return err
	}
	slog.SetDefault(cfg.Log)
	if err := profile(ctx, s.PProf); err != nil {
		return err
	}
	n, err := node.Open(ctx, cfg)
	if err != nil {
		return err
	}
	if s.Loopback {
		defer cutOnSignal(n.CutOff)()
	}
	return n.Run(ctx)
}

func initVerb(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Make the data directory with a configuration file to edit; run does without",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return makeDir(o, c.OutOrStdout()) },
	}
}

// makeDir writes the configuration file and prints its path.
func makeDir(o *options, out io.Writer) error {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return errs.Wrap("make data directory", o.dir, err)
	}
	path := o.path()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errs.Hint(errs.New("write configuration", path, errs.Conflict, err), "edit it, or remove it first")
	}
	if err == nil {
		_, err = f.WriteString(template)
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		_, err = fmt.Fprintln(out, path)
	}
	return errs.Wrap("write configuration", path, err)
}

func versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the release",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "peerd %s, %s\n", api.Version(), runtime.Version())
			return err
		},
	}
}
