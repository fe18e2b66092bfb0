package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/spf13/cobra"
)

func upCommand(dir *string) *cobra.Command {
	var peers, pprof int
	var detach bool
	c := &cobra.Command{
		Use:   "up --dir D --peers N [--detach]",
		Short: "Start a network and wait until all peers know each other",
		Args:  none,
		RunE: func(c *cobra.Command, _ []string) error {
			return runUp(c.Context(), *dir, peers, pprof, detach)
		},
	}
	c.Flags().IntVar(&peers, "peers", 5, "how many peers")
	c.Flags().IntVar(&pprof, "pprof", 0, "`port` at which every peer serves Go's profiles on its own address; 0: none does")
	c.Flags().BoolVar(&detach, "detach", false, "return when the network is up and leave it running")
	return c
}

// runUp brings the network up; attached, it stays until it is interrupted and
// takes the network down again.
func runUp(ctx context.Context, dir string, peers, pprof int, detach bool) error {
	line := progress.New(os.Stderr)
	defer line.Close()
	cfg, err := programs(ctx, dir, line)
	if err != nil {
		return err
	}
	cfg.Peers, cfg.PProf, cfg.Tied = peers, pprof, !detach
	network, err := testnet.Up(ctx, cfg)
	if err != nil {
		return err
	}
	line.Say("%d peers in %s know each other", peers, network.Dir())
	if detach {
		return nil
	}
	line.Say("Ctrl-C takes them down")
	<-ctx.Done()
	line.Show("taking the network down")
	return network.Down()
}

// programs returns the configuration of a network in dir that runs the peerd
// beside this program, built into dir if there is none.
func programs(ctx context.Context, dir string, line *progress.Line) (testnet.Config, error) {
	cfg := testnet.Config{Dir: dir, Names: true, Progress: line.Show}
	if dir == "" {
		return cfg, noDirectory()
	}
	found, err := testnet.Programs(ctx, filepath.Join(dir, "bin"), line.Show)
	cfg.Peerd = found.Peerd
	return cfg, err
}

func noDirectory() error {
	return errs.Hint(errs.Newf("find network", "", errs.Usage, "no directory given"), "name it with --dir")
}

func statusCommand(dir *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status --dir D [--json]",
		Short: "Show each peer's process, state and socket",
		Args:  none,
		RunE: func(c *cobra.Command, _ []string) error {
			network, err := testnet.Open(testnet.Config{Dir: *dir})
			if err != nil {
				return err
			}
			peers, err := network.Peers()
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"peers": peers})
			}
			return table(c.OutOrStdout(), peers)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return c
}

func table(w io.Writer, peers []testnet.Peer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "INDEX\tSTATE\tPID\tPEER\tADDRESS")
	for _, p := range peers {
		fmt.Fprintf(t, "%d\t%s\t%d\t%s\t%s\n", p.Index, p.State, p.PID, p.ID, p.Address)
	}
	return t.Flush()
}

func envCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:     "env --dir D I",
		Short:   "Print the shell line that points peerctl at peer I",
		Example: `  eval "$(testnet env --dir /tmp/net 7)"`,
		Args:    one,
		RunE: func(c *cobra.Command, args []string) error {
			return onPeers(*dir, args[0], func(network *testnet.Network, peers ...int) error {
				if len(peers) != 1 {
					return errs.Newf("read peer's number", args[0], errs.Usage, "one peer is wanted")
				}
				_, err := fmt.Fprintf(c.OutOrStdout(), "export ATOLL_API=%s\n", quote(network.API(peers[0])))
				return err
			})
		},
	}
}

// quote makes a path safe for a POSIX shell; an ordinary one stays as it is.
func quote(path string) string {
	if plain.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

var plain = regexp.MustCompile(`^[A-Za-z0-9/._-]+$`)
