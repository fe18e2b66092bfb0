package faults

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/atollnet/atoll/testnet/testnettest"
)

// TestRejoin restarts a peer that is told of no other: what it remembers is
// enough to be found, and it serves what it held. The process is the test's
// own, so the peer has a network of its own too.
func TestRejoin(t *testing.T) {
	const peers, writer, reader, back = 4, 0, 1, 3
	c := &cluster{testnettest.Start(t, peers), testnettest.Binaries(t)}
	content := random(11, 1<<20)
	ref := c.user(writer).put(t, content, "home:/rejoin").Reference
	before := c.stored(t, back)
	c.kill(t, back)
	defer c.runAlone(t, back)()
	until(t, "the peer knows all others", func() bool {
		s, err := c.Ask(t.Context(), back)
		return err == nil && s.Peers == peers-1
	})
	if now := c.stored(t, back); now < before {
		t.Errorf("it held %d bytes and holds %d", before, now)
	}
	id := c.peer(t, back).ID
	until(t, "the peer serves its shares", func() bool {
		for _, e := range c.user(reader).check(t, ref).Extents {
			if slices.Contains(e.Holders, id) {
				return true
			}
		}
		return false
	})
	c.user(back).reads(t, ref, content)
}

// runAlone runs the peer without --join until the returned function is called.
func (c *cluster) runAlone(t *testing.T, i int) (end func()) {
	t.Helper()
	p := c.peer(t, i)
	log, err := os.OpenFile(p.Log, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	// The kernel kills the peer when the thread that started it ends.
	runtime.LockOSThread()
	cmd := exec.Command(c.programs.Peerd, "run", "--loopback", "--dir", p.Dir, "--api", p.API, "--listen", p.Address)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		cmd.Process.Kill()
		cmd.Wait()
		runtime.UnlockOSThread()
	}
}
