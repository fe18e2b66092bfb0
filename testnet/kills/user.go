package kills

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
)

// user is a person at one peer, who has nothing but peerctl.
type user struct {
	peerctl, socket string
}

func (t *trial) user(peer int) user { return user{t.Programs.Peerctl, t.network.API(peer)} }

// run runs peerctl and returns what it printed and its exit code.
func (u user) run(ctx context.Context, args ...string) (out []byte, code int, err error) {
	cmd := exec.CommandContext(ctx, u.peerctl, append([]string{"--quiet"}, args...)...)
	cmd.Env = append(os.Environ(), "ATOLL_API="+u.socket)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err = cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return out, exit.ExitCode(), errs.Hint(errs.New("peerctl "+args[0], "", errs.Other, err), "peerctl said:\n%s", strings.TrimSpace(complaint.String()))
	}
	return out, 0, err
}

func (u user) must(ctx context.Context, args ...string) ([]byte, error) {
	out, _, err := u.run(ctx, args...)
	return out, err
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// do does a change and reports whether it was acknowledged.
func (t *trial) do(ctx context.Context, c change) (done bool, err error) {
	if c.verb == remove {
		_, code, err := t.user(victim).run(ctx, "rm", volume+"/"+c.name)
		// What is not there need not be removed; the peer may have died later.
		return err == nil || code == errs.NotFound.ExitCode(), err
	}
	path, err := c.write(t.dir)
	if err != nil {
		return false, err
	}
	args := []string{"put", "--until", c.until, path, volume + "/" + c.name}
	if c.verb == tree {
		args = append(args, "-r")
	}
	_, err = t.user(victim).must(ctx, args...)
	return err == nil, err
}

// entry compares one name with the model.
func (t *trial) entry(ctx context.Context, u user, root, name string) error {
	to := filepath.Join(t.dir, "fetched")
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	args := []string{"get", root + "/" + name, to}
	if strings.HasPrefix(name, "d") {
		args = append(args, "-r")
	}
	_, code, err := u.run(ctx, args...)
	if err != nil && code != errs.NotFound.ExitCode() {
		return err
	}
	return t.compare(name, to)
}

// compare holds what was fetched of a name against the model.
func (t *trial) compare(name, fetched string) error {
	found := make(map[string]bool)
	err := filepath.WalkDir(fetched, func(path string, d fs.DirEntry, err error) error {
		if path == fetched && errors.Is(err, fs.ErrNotExist) {
			return fs.SkipAll
		}
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		at := strings.TrimPrefix(name+strings.TrimPrefix(path, fetched), "/")
		found[at] = true
		return t.model.saw(at, sumOf(b))
	})
	for path := range t.model {
		below := name == "" || path == name || strings.HasPrefix(path, name+"/")
		if err == nil && below && !found[path] {
			err = t.model.saw(path, absent)
		}
	}
	if err != nil {
		return errs.New("compare", "/"+name, errs.Damaged, err)
	}
	return nil
}

// look compares the whole volume with the model, and has every byte of it proved.
func (t *trial) look(ctx context.Context, u user, root string) error {
	to := filepath.Join(t.dir, "fetched")
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if _, err := u.must(ctx, "get", "-r", root+"/", to); err != nil {
		return err
	}
	return t.compare("", to)
}
