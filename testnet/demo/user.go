package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

// user is a person at one peer, who has nothing but peerctl.
type user struct {
	peerctl string
	socket  string
}

func (r *run) user(peer int) user {
	return user{peerctl: r.Programs.Peerctl, socket: r.network.API(peer)}
}

// stored is what `peerctl put --json` says.
type stored struct {
	Reference string `json:"reference"`
	Holders   int    `json:"holders"`
	State     string `json:"state"`
}

func (u user) put(ctx context.Context, path, dest string, flags ...string) (stored, error) {
	out, err := u.run(ctx, append([]string{"put", "--json", path, dest}, flags...)...)
	if err != nil {
		return stored{}, err
	}
	var s stored
	if err := json.Unmarshal(out, &s); err != nil || s.Reference == "" {
		return stored{}, errs.Newf("peerctl put", path, errs.Other, "no reference in its output %q (%v)", out, err)
	}
	return s, nil
}

func (u user) get(ctx context.Context, reference, path string, flags ...string) error {
	_, err := u.run(ctx, append([]string{"get", reference, path}, flags...)...)
	return err
}

// run runs peerctl and returns its standard output. Interrupted, it is given a
// moment to end by itself, as at a terminal.
func (u user) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, u.peerctl, args...)
	cmd.Env = append(os.Environ(), "ATOLL_API="+u.socket)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		err = errs.New("peerctl "+args[0], u.socket, errs.Other, err)
		return nil, errs.Hint(err, "peerctl said:\n%s", strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}
