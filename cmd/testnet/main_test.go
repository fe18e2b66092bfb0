package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/fakepeer"
)

// The test program runs itself again as the command and as its peers. A verb
// of ours never has the name of a fake peer's.
func TestMain(m *testing.M) {
	switch {
	case fakepeer.Main():
	case filepath.Base(os.Args[0]) == "testnet":
		main()
	default:
		os.Exit(m.Run())
	}
}

// shell runs testnet as a user does, with the programs beside it.
type shell struct {
	t   *testing.T
	bin string
	net string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	dir, err := os.MkdirTemp("", "atoll")
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t, bin: filepath.Join(dir, "bin"), net: filepath.Join(dir, "net")}
	t.Cleanup(func() {
		s.run("down")
		os.RemoveAll(dir)
	})
	for _, name := range []string{"testnet", "peerd", "peerctl"} {
		s.install(name)
	}
	t.Setenv(fakepeer.Var, fakepeer.Well)
	return s
}

// install copies the test program: a link would be followed to where no
// programs lie beside it.
func (s *shell) install(name string) {
	s.t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		s.t.Fatal(err)
	}
	defer self.Close()
	if err := os.MkdirAll(s.bin, 0o755); err != nil {
		s.t.Fatal(err)
	}
	to, err := os.OpenFile(filepath.Join(s.bin, name), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		s.t.Fatal(err)
	}
	defer to.Close()
	if _, err := io.Copy(to, self); err != nil {
		s.t.Fatal(err)
	}
}

// run runs one verb and returns its output and exit code.
func (s *shell) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	var out, complaint bytes.Buffer
	cmd := exec.Command(filepath.Join(s.bin, "testnet"), append(args, "--dir", s.net)...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return out.String(), complaint.String(), cmd.ProcessState.ExitCode()
}

// must is run for a verb that is to succeed.
func (s *shell) must(args ...string) string {
	s.t.Helper()
	out, complaint, code := s.run(args...)
	if code != 0 {
		s.t.Fatalf("testnet %v ended with %d: %s", args, code, complaint)
	}
	return out
}

// states returns what status says, "running down paused".
func (s *shell) states() string {
	s.t.Helper()
	var status struct{ Peers []testnet.Peer }
	if err := json.Unmarshal([]byte(s.must("status", "--json")), &status); err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for i, p := range status.Peers {
		if p.Index != i || p.API != filepath.Join(s.net, "peer0"+string(rune('0'+i)), "api.sock") || p.ID == "" {
			s.t.Errorf("peer %d is %+v", i, p)
		}
		all = append(all, string(p.State))
	}
	return strings.Join(all, " ")
}

func TestVerbs(t *testing.T) {
	s := newShell(t)
	for _, c := range []struct{ verb, states string }{
		{"up --peers 3 --detach", "running running running"},
		{"kill 1", "running down running"},
		{"pause 2", "running down paused"},
		{"resume 2", "running down running"},
		{"cut 2", "running down running"},
		{"mend 2", "running down running"},
		{"start 0-2", "running running running"},
		{"down", "down down down"},
		{"up --peers 3 --detach", "running running running"},
		{"kill 0,1-2", "down down down"},
	} {
		s.must(strings.Fields(c.verb)...)
		if got := s.states(); got != c.states {
			t.Fatalf("after %q the peers are %q, want %q", c.verb, got, c.states)
		}
	}
	if got, want := s.must("env", "1"), "export ATOLL_API="+s.net+"/peer01/api.sock\n"; got != want {
		t.Errorf("env printed %q, want %q", got, want)
	}
	if got := s.must("status"); strings.Count(got, "\n") != 4 || !strings.Contains(got, "/ip4/127.3.0.1/tcp/") {
		t.Errorf("status printed\n%s", got)
	}
}

// attach runs `up` without --detach and returns when the network is up.
func (s *shell) attach(peers string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(s.bin, "testnet"), "up", "--peers", peers, "--dir", s.net)
	complaint, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	seen := ""
	for buf := make([]byte, 1024); !strings.Contains(seen, "Ctrl-C"); {
		n, err := complaint.Read(buf)
		if seen += string(buf[:n]); err != nil {
			s.t.Fatalf("up ended: %v after %q", err, seen)
		}
	}
	if got := s.states(); strings.Contains(got, "down") {
		s.t.Errorf("the peers are %q", got)
	}
	return cmd
}

func TestAttachedUpTakesTheNetworkDown(t *testing.T) {
	s := newShell(t)
	cmd := s.attach("2")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := s.states(); got != "down down" {
		t.Errorf("after Ctrl-C the peers are %q", got)
	}
}

// An attached `up` that is itself killed cannot clean up; the kernel does.
func TestKilledUpLeavesNoPeers(t *testing.T) {
	s := newShell(t)
	cmd := s.attach("2")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for got := s.states(); got != "down down"; got = s.states() {
		if time.Now().After(deadline) {
			t.Fatalf("the peers are still %q", got)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := newShell(t)
	s.must("up", "--peers", "2", "--detach")
	for _, c := range []struct {
		verb string
		kind errs.Kind
	}{
		{"kill", errs.Usage}, {"kill 2", errs.Usage}, {"kill x", errs.Usage}, {"kill 0 1", errs.Usage},
		{"env 0-1", errs.Usage}, {"nonsense", errs.Usage}, {"up --nonsense", errs.Usage}, {"down 1", errs.Usage},
		{"up --peers 2 --detach", errs.Refused}, {"up --peers 0", errs.Usage},
	} {
		if _, complaint, code := s.run(strings.Fields(c.verb)...); code != c.kind.ExitCode() || complaint == "" {
			t.Errorf("%q ended with %d: %s", c.verb, code, complaint)
		}
	}
	absent := *s // s itself still has its network to take down
	absent.net += "absent"
	if _, _, code := absent.run("status"); code != errs.NotFound.ExitCode() {
		t.Errorf("status of no network ended with %d", code)
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
	}{{"0", 0}, {"7", 7}, {"3KiB", 3 << 10}, {"256MiB", 256 << 20}, {"10GiB", 10 << 30}} {
		var s size
		if err := s.Set(c.text); err != nil || int64(s) != c.want || s.String() != c.text {
			t.Errorf("Set(%q): %d, %q, %v", c.text, int64(s), s.String(), err)
		}
	}
	for _, text := range []string{"", "-1", "MiB", "1MB", "1.5GiB", "9999999999GiB", "1 KiB"} {
		if err := new(size).Set(text); errs.KindOf(err) != errs.Usage {
			t.Errorf("Set(%q) = %v", text, err)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"/tmp/a-b_c.d": "/tmp/a-b_c.d", "/a b": "'/a b'", "/it's": `'/it'\''s'`} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %q, want %q", in, got, want)
		}
	}
}
