package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

const (
	// waitMax is how long anything may take that is waited for. It is far
	// above what it takes, so that a busy machine fails no test.
	waitMax = 60 * time.Second
	// lookEvery is the time between two looks at what is waited for.
	lookEvery = 20 * time.Millisecond
)

// user is someone who has nothing but peerctl and a peer's socket.
type user struct{ peerctl, socket string }

// outcome is how a command has ended.
type outcome struct {
	code     int
	out, err []byte
	took     time.Duration
}

// command is a peerctl that runs.
type command struct {
	cmd      *exec.Cmd
	in       io.WriteCloser
	out, err bytes.Buffer
	began    time.Time
}

// start starts peerctl; its standard input is fed by the caller.
func (u user) start(t *testing.T, args ...string) *command {
	t.Helper()
	c := &command{cmd: exec.CommandContext(t.Context(), u.peerctl, args...), began: time.Now()}
	c.cmd.Env = append(os.Environ(), "ATOLL_API="+u.socket)
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.err
	var err error
	if c.in, err = c.cmd.StdinPipe(); err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// feed writes to the command's standard input and returns when it was taken.
func (c *command) feed(t *testing.T, content []byte) {
	t.Helper()
	if _, err := c.in.Write(content); err != nil {
		c.in.Close()
		c.cmd.Wait()
		t.Fatalf("it takes no more input: %v\n%s", err, c.err.Bytes())
	}
}

// end ends the input and returns how the command has ended.
func (c *command) end(t *testing.T) outcome {
	t.Helper()
	c.in.Close()
	var exit *exec.ExitError
	if err := c.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{c.cmd.ProcessState.ExitCode(), c.out.Bytes(), c.err.Bytes(), time.Since(c.began)}
}

// run runs peerctl to its end.
func (u user) run(t *testing.T, args ...string) outcome {
	t.Helper()
	return u.start(t, args...).end(t)
}

// must runs a command that has to succeed and returns its standard output.
func (u user) must(t *testing.T, args ...string) []byte {
	t.Helper()
	o := u.run(t, args...)
	o.want(t, 0)
	return o.out
}

// want fails the test unless the command ended with one of the codes, and said
// why where it failed.
func (o outcome) want(t *testing.T, codes ...int) {
	t.Helper()
	if !slices.Contains(codes, o.code) {
		t.Fatalf("exit code %d, want %v\n%s", o.code, codes, o.err)
	}
	said := strings.HasPrefix(string(o.err), "peerctl: ") || strings.Contains(string(o.err), `{"error":{"kind":`)
	if o.code != 0 && !said {
		t.Errorf("exit code %d without a word: %q", o.code, o.err)
	}
}

// put stores content and returns what became of it.
func (u user) put(t *testing.T, content []byte, dest string) api.PutResult {
	t.Helper()
	c := u.start(t, "put", "--json", "-", dest)
	c.feed(t, content)
	return c.end(t).stored(t)
}

// stored returns what a put that succeeded says.
func (o outcome) stored(t *testing.T) (r api.PutResult) {
	t.Helper()
	o.want(t, 0)
	decode(t, o.out, &r)
	return r
}

// reads fails the test unless the user reads exactly content.
func (u user) reads(t *testing.T, ref string, content []byte) outcome {
	t.Helper()
	o := u.run(t, "get", ref, "-")
	o.want(t, 0)
	if !bytes.Equal(o.out, content) {
		t.Fatalf("%d bytes came back that are not the %d that were stored", len(o.out), len(content))
	}
	return o
}

// lacks fails the test if there is anything at ref.
func (u user) lacks(t *testing.T, ref string) {
	t.Helper()
	u.run(t, "stat", ref).want(t, errs.NotFound.ExitCode())
}

// check returns what check says, whichever way it ends.
func (u user) check(t *testing.T, ref string) (r api.CheckReport) {
	t.Helper()
	o := u.run(t, "check", "--json", ref)
	o.want(t, 0, errs.TooFew.ExitCode())
	decode(t, o.out, &r)
	return r
}

// ring returns who orders a volume.
func (u user) ring(t *testing.T, ref string) (r api.Ring) {
	t.Helper()
	decode(t, u.must(t, "ring", "--json", ref), &r)
	return r
}

func decode(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%v in %q", err, b)
	}
}

// until waits until f holds.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.After(waitMax)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for !f() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within %v", what, waitMax)
		case <-look.C:
		}
	}
}

// random returns bytes that do not compress and repeat nothing, the same for
// the same seed.
func random(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// hint returns what an error advises.
func hint(err error) string { return errs.HintOf(err) }
