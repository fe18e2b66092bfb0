package testnet

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

// User is a person at one peer, who has nothing but peerctl.
type User struct {
	Peerctl string // the program
	API     string // the path of the peer's socket
}

// UserStored is what `peerctl put --json` says.
type UserStored struct {
	Reference string `json:"reference"`
	Holders   int    `json:"holders"`
	State     string `json:"state"`
}

// Put stores a file, or with -r a tree, at dest.
func (u User) Put(ctx context.Context, path, dest string, flags ...string) (UserStored, error) {
	out, err := u.Run(ctx, append([]string{"put", "--json", path, dest}, flags...)...)
	if err != nil {
		return UserStored{}, err
	}
	var s UserStored
	if err := json.Unmarshal(out, &s); err != nil || s.Reference == "" {
		return UserStored{}, errs.Newf("peerctl put", path, errs.Other, "no reference in its output %q (%v)", out, err)
	}
	return s, nil
}

// Get fetches what a reference names to a path.
func (u User) Get(ctx context.Context, reference, path string, flags ...string) error {
	_, err := u.Run(ctx, append([]string{"get", reference, path}, flags...)...)
	return err
}

// Run runs peerctl and returns its standard output.
func (u User) Run(ctx context.Context, args ...string) ([]byte, error) {
	var out bytes.Buffer
	if err := u.RunTo(ctx, &out, args...); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// RunTo runs peerctl with its standard output going to out. Interrupted, it is
// given a moment to end by itself, as at a terminal.
func (u User) RunTo(ctx context.Context, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, u.Peerctl, args...)
	cmd.Env = append(os.Environ(), "ATOLL_API="+u.API)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	var complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &complaint
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		err = errs.New("peerctl "+args[0], u.API, errs.Other, err)
		return errs.Hint(err, "peerctl said:\n%s", strings.TrimSpace(complaint.String()))
	}
	return nil
}
