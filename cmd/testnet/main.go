// Command testnet starts, breaks and watches a network of local peers.
//
// It must never touch a peer that is not below the directory it is given.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		complain(err)
		os.Exit(errs.KindOf(err).ExitCode())
	}
}

// command returns the whole command line.
func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "testnet",
		Short:         "Start, break and watch a network of local peers",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				err := errs.Newf("read command line", args[0], errs.Usage, "there is no such verb")
				return errs.Hint(err, "testnet --help lists them")
			}
			return c.Help()
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return errs.New("read command line", "", errs.Usage, err)
	})
	dir := root.PersistentFlags().String("dir", "", "the network's `directory`")
	root.AddCommand(upCommand(dir), statusCommand(dir), envCommand(dir), killCommand(dir), pauseCommand(dir),
		resumeCommand(dir), cutCommand(dir), mendCommand(dir), startCommand(dir), downCommand(dir), demoCommand(), benchCommand(),
		chaosCommand(), killsCommand(), sizesCommand(), simCommand())
	return root
}

// complain tells the user what went wrong and what to do next.
func complain(err error) {
	fmt.Fprintln(os.Stderr, "testnet:", err)
	if hint := errs.HintOf(err); hint != "" {
		fmt.Fprintln(os.Stderr, hint)
	}
}
