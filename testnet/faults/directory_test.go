package faults

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
)

// twoOnOneDirectory starts a second peerd on the directory of a running one,
// with the same socket: it is refused and takes nothing from the first.
func twoOnOneDirectory(t *testing.T, c *cluster) {
	const first = 4
	ref := c.user(first).put(t, []byte("mine"), "home:/first").Reference
	before := c.peer(t, first)
	code, said := c.runSecond(t, before.Dir, before.API)
	if code != errs.Refused.ExitCode() {
		t.Errorf("exit code %d, want %d", code, errs.Refused.ExitCode())
	}
	message, advice, _ := strings.Cut(said, "\n")
	if !strings.HasPrefix(message, "peerd: ") || !strings.Contains(message, before.Dir) || !strings.Contains(advice, "--dir") {
		t.Errorf("it says %q", said)
	}
	if now := c.peer(t, first); now != before {
		t.Errorf("the first was %+v and is %+v", before, now)
	}
	c.user(first).reads(t, ref, []byte("mine"))
}

// runSecond runs a peerd that ought to end by itself.
func (c *cluster) runSecond(t *testing.T, dir, socket string) (code int, said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitMax)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.programs.Peerd, "run", "--loopback",
		"--dir", dir, "--api", socket, "--listen", "/ip4/127.0.0.1/tcp/0")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), complaint.String()
}
