package namebench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
)

const (
	// loadNames is how many names a load asks for, and loadClients from how many
	// sockets.
	loadNames   = 100
	loadClients = 16
	// lightPerSecond is the load under which the time of an answer is measured:
	// under a full one it says how many questions wait, and nothing of the server.
	lightPerSecond = 5000
	// serverCore is where the server runs under a load, and loadCore where the load
	// comes from.
	serverCore, loadCore = 0, 1
)

// subject is a server under load.
type subject struct {
	at  string
	pid int
}

// answers loads a peer and a bare handler in turn, each on one core.
func answers(ctx context.Context, b *bench) ([]figure, error) {
	program, err := exec.LookPath("dnsperf")
	if err != nil {
		return []figure{{what: "cached answers over UDP", is: "not measured: dnsperf is not installed (Debian: dnsperf)"}}, nil
	}
	queries := filepath.Join(b.dir, "queries")
	if err := os.WriteFile(queries, questions("h", loadNames), 0o644); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	plain, wait, err := b.startBare(ctx)
	if err != nil {
		return nil, err
	}
	defer wait()
	defer cancel()
	peers, err := b.network.Peers()
	if err != nil {
		return nil, err
	}
	peer := subject{b.dns[asked], peers[asked].PID}
	for _, s := range []subject{plain, peer} {
		if err := pin(s.pid, serverCore); err != nil {
			return nil, fmt.Errorf("keep a server on one core: %w", err)
		}
	}
	defer pin(peer.pid, serverCore, loadCore)
	return b.compare(ctx, load{program, queries, b.For}, plain, peer)
}

// compare loads both in turn, and tells rates and CPU time.
func (b *bench) compare(ctx context.Context, l load, plain, peer subject) ([]figure, error) {
	if _, err := l.run(ctx, peer); err != nil { // now all answers are known
		return nil, err
	}
	var ratio, rate, cpuRatio, cpu []float64
	for range b.Runs {
		p, err := l.run(ctx, plain)
		if err != nil {
			return nil, err
		}
		q, err := l.run(ctx, peer)
		if err != nil {
			return nil, err
		}
		ratio, rate = append(ratio, q.perSecond/p.perSecond), append(rate, q.perSecond)
		cpuRatio, cpu = append(cpuRatio, p.cpu/q.cpu), append(cpu, 1e6*q.cpu)
	}
	took, err := l.light(ctx, peer)
	if err != nil {
		return nil, err
	}
	return []figure{
		atLeast("cached answers, against a bare handler", quantile(ratio, .5), 0.8, " x"),
		atLeast("  for each CPU second, against that", quantile(cpuRatio, .5), 0.8, " x"),
		atLeast("  a second", quantile(rate, .5), 0, ""),
		atMost("  CPU of one, µs", quantile(cpu, .5), 0, ""),
		atMost(fmt.Sprintf("  time of one, at %d a second, median", lightPerSecond), 1000*quantile(took, .5), 0.3, " ms"),
		atMost("  the same, 99th percentile", 1000*quantile(took, .99), 0, " ms"),
	}, nil
}

func questions(prefix string, n int) []byte {
	var text bytes.Buffer
	for i := range n {
		fmt.Fprintf(&text, "%s%d.%s A\n", prefix, i, origin)
	}
	return text.Bytes()
}

// startBare starts the bare handler as a process of its own. It ends with the
// context; wait waits for that.
func (b *bench) startBare(ctx context.Context) (s subject, wait func() error, err error) {
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return s, nil, err
	}
	s.at = free.LocalAddr().String()
	free.Close()
	cmd := exec.CommandContext(ctx, b.Bare[0], append(b.Bare[1:len(b.Bare):len(b.Bare)], s.at)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return s, nil, err
	}
	s.pid = cmd.Process.Pid
	for late := time.Now().Add(bareMax); ; {
		if err = ask(ctx, s.at, "h0."+origin, firstAddress); err == nil || time.Now().After(late) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		err = errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	return s, cmd.Wait, err
}

const bareMax = 10 * time.Second

// load is what dnsperf does.
type load struct {
	program, queries string
	lasts            time.Duration
}

// loaded is what came of it.
type loaded struct {
	perSecond float64
	cpu       float64 // seconds, of the server, for each answer
}

var (
	completed = regexp.MustCompile(`Queries completed: +(\d+)`)
	perSecond = regexp.MustCompile(`Queries per second: +([0-9.]+)`)
	codes     = regexp.MustCompile(`Response codes: +(.*)`)
	oneTook   = regexp.MustCompile(`(?m)^> NOERROR \S+ A ([0-9.]+)$`)
)

// run loads a server with as much as it takes.
func (l load) run(ctx context.Context, s subject) (r loaded, err error) {
	before, err := testnet.UsageOf(s.pid)
	if err != nil {
		return r, err
	}
	out, err := l.dnsperf(ctx, s)
	if err != nil {
		return r, err
	}
	after, err := testnet.UsageOf(s.pid)
	if err != nil {
		return r, err
	}
	answered, err := number(completed, out)
	if err != nil {
		return r, err
	}
	r.perSecond, err = number(perSecond, out)
	r.cpu = (after.CPUSeconds - before.CPUSeconds) / answered
	if code := codes.FindSubmatch(out); code == nil || !bytes.HasPrefix(code[1], []byte("NOERROR ")) || bytes.ContainsRune(code[1], ',') {
		return r, errs.Newf("load", s.at, errs.Damaged, "not all answers are answers:\n%s", out)
	}
	return r, err
}

// light returns the times of single answers, in seconds.
func (l load) light(ctx context.Context, s subject) (took []float64, err error) {
	out, err := l.dnsperf(ctx, s, "-v", "-Q", strconv.Itoa(lightPerSecond))
	if err != nil {
		return nil, err
	}
	for _, m := range oneTook.FindAllSubmatch(out, -1) {
		t, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return nil, err
		}
		took = append(took, t)
	}
	if len(took) == 0 {
		return nil, errs.Newf("load", s.at, errs.Other, "dnsperf tells no times")
	}
	return took, nil
}

func (l load) dnsperf(ctx context.Context, s subject, flags ...string) ([]byte, error) {
	host, port, err := net.SplitHostPort(s.at)
	if err != nil {
		return nil, err
	}
	args := append([]string{"-s", host, "-p", port, "-d", l.queries, "-c", strconv.Itoa(loadClients), "-T", "1",
		"-l", strconv.Itoa(max(1, int(l.lasts.Seconds())))}, flags...)
	cmd := exec.CommandContext(ctx, l.program, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	pinned := pin(cmd.Process.Pid, loadCore)
	if err := errors.Join(cmd.Wait(), pinned); err != nil {
		return nil, fmt.Errorf("dnsperf: %w\n%s", err, out.Bytes())
	}
	return out.Bytes(), nil
}

func number(what *regexp.Regexp, in []byte) (float64, error) {
	m := what.FindSubmatch(in)
	if m == nil {
		return 0, errs.Newf("read what dnsperf says", what.String(), errs.Other, "it is not there:\n%s", in)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
