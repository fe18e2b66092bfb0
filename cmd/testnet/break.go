package main

import (
	"context"
	"fmt"
	"os"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/spf13/cobra"
)

// one is the check of a verb that takes a list of peers.
func one(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		err := errs.Newf("read command line", "", errs.Usage, "one list of peers is wanted, %d arguments given", len(args))
		return errs.Hint(err, "a list looks like 2,3,7-9")
	}
	return nil
}

// none is the check of a verb that takes no argument.
func none(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return errs.Newf("read command line", args[0], errs.Usage, "no argument is wanted here")
	}
	return nil
}

func killCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "kill --dir D LIST",
		Short: "End peers with SIGKILL, as a crash does",
		Args:  one,
		RunE: func(_ *cobra.Command, args []string) error {
			return onPeers(*dir, args[0], (*testnet.Network).Kill)
		},
	}
}

func pauseCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "pause --dir D LIST",
		Short: "Stop peers with SIGSTOP, as a machine that hangs",
		Args:  one,
		RunE: func(_ *cobra.Command, args []string) error {
			return onPeers(*dir, args[0], (*testnet.Network).Pause)
		},
	}
}

func resumeCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "resume --dir D LIST",
		Short: "Let paused peers go on; wait until they are back in the network",
		Args:  one,
		RunE: func(c *cobra.Command, args []string) error {
			return onPeers(*dir, args[0], func(n *testnet.Network, peers ...int) error {
				return n.Resume(c.Context(), peers...)
			})
		},
	}
}

func cutCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "cut --dir D LIST",
		Short: "Take peers off the network while they run, as a broken cable does",
		Args:  one,
		RunE: func(_ *cobra.Command, args []string) error {
			return onPeers(*dir, args[0], (*testnet.Network).Cut)
		},
	}
}

func mendCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "mend --dir D LIST",
		Short: "Put peers that were cut off back; wait until they are in the network",
		Args:  one,
		RunE: func(c *cobra.Command, args []string) error {
			return onPeers(*dir, args[0], func(n *testnet.Network, peers ...int) error {
				return n.Mend(c.Context(), peers...)
			})
		},
	}
}

func startCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "start --dir D LIST",
		Short: "Start peers that are down; wait until they are back in the network",
		Args:  one,
		RunE:  func(c *cobra.Command, args []string) error { return runStart(c.Context(), *dir, args[0]) },
	}
}

func runStart(ctx context.Context, dir, list string) error {
	line := progress.New(os.Stderr)
	defer line.Close()
	cfg, err := programs(ctx, dir, line)
	if err != nil {
		return err
	}
	network, err := testnet.Open(cfg)
	if err != nil {
		return err
	}
	peers, err := parse(network, list)
	if err != nil {
		return err
	}
	return network.Start(ctx, peers...)
}

func downCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down --dir D",
		Short: "End all peers and keep their data",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			network, err := testnet.Open(testnet.Config{Dir: *dir})
			if err != nil {
				return err
			}
			return network.Down()
		},
	}
}

// onPeers does something to the listed peers of the network in dir.
func onPeers(dir, list string, do func(*testnet.Network, ...int) error) error {
	network, err := testnet.Open(testnet.Config{Dir: dir})
	if err != nil {
		return err
	}
	peers, err := parse(network, list)
	if err != nil {
		return err
	}
	return do(network, peers...)
}

func parse(network *testnet.Network, list string) ([]int, error) {
	all, err := network.Peers()
	if err != nil {
		return nil, err
	}
	peers, err := testnet.ParseList(list, len(all))
	return peers, errs.Wrap("find peers", fmt.Sprintf("in %s", network.Dir()), err)
}
