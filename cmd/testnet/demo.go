package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet/demo"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/spf13/cobra"
)

func demoCommand() *cobra.Command {
	cfg := demo.Config{Bytes: 256 << 20}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Store on one of many peers, kill a third of them, fetch from another",
		Long: `Start a network of peers on this machine, store a tree and a large file through
one of them, kill a third of the peers with SIGKILL, the one that stored among
them, fetch both through another peer, and compare. Then wait until the shares of
the dead are rebuilt, kill more, so many that without repair much would be gone,
and fetch the file once more. Prints a table of what happened; the exit code is zero only if everything came back as it was.`,
		Args: none,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg.Out, cfg.Line = c.OutOrStdout(), progress.New(os.Stderr)
			defer cfg.Line.Close()
			return demo.Run(c.Context(), cfg)
		},
	}
	c.Flags().IntVar(&cfg.Peers, "peers", 50, "how many peers")
	c.Flags().IntVar(&cfg.Kill, "kill", 16, "how many of them to kill")
	c.Flags().Var((*size)(&cfg.Bytes), "size", "`bytes` of the large file; KiB, MiB and GiB are understood")
	c.Flags().Uint64Var(&cfg.Seed, "seed", 0, "chooses the content, who dies and who fetches; 0 takes a new one")
	c.Flags().BoolVar(&cfg.Keep, "keep", false, "keep the directory")
	return c
}

// size is a number of bytes as a flag.
type size int64

var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

func (s *size) Type() string { return "bytes" }

func (s *size) String() string {
	for _, u := range units {
		if n := int64(*s); n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (s *size) Set(text string) error {
	number, unit := text, int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = rest, u.bytes
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return errs.Newf("read size", text, errs.Usage, "a size looks like 256MiB")
	}
	*s = size(n * unit)
	return nil
}
