package testnet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"golang.org/x/sync/errgroup"
)

const (
	// askFirst and askMost bound the time between two questions to a peer that
	// is waited for. It doubles, so that fifty that take long are not kept from
	// their work by being asked.
	askFirst = 25 * time.Millisecond
	askMost  = 800 * time.Millisecond
	// answerMax is how long one answer may take; a paused peer gives none.
	answerMax = 5 * time.Second
	// logTailBytes and logTailLines bound what an error repeats of a log.
	logTailBytes = 4096
	logTailLines = 12
)

// condition is what a peer is waited for: met says so of its answer, short
// says what is missing yet.
type condition struct {
	met   func(api.Status) bool
	short func(api.Status) string
}

// answers is met by any answer.
var answers = condition{
	met:   func(api.Status) bool { return true },
	short: func(api.Status) string { return "" },
}

// knows is met by a peer that knows at least n others.
func knows(n int) condition {
	return condition{
		met:   func(a api.Status) bool { return a.Peers >= n },
		short: func(a api.Status) string { return fmt.Sprintf("it knows %d of %d other peers", a.Peers, n) },
	}
}

// waitAcquainted waits until each of the peers knows all that run.
func (n *Network) waitAcquainted(ctx context.Context, peers []int) error {
	s, err := readState(n.cfg.Dir)
	if err != nil {
		return err
	}
	return n.waitAll(ctx, peers, knows(s.running()-1), "know each other")
}

// waitJoined waits until each of the peers is in touch with the network: it
// knows one other peer, if any other runs.
func (n *Network) waitJoined(ctx context.Context, peers []int) error {
	s, err := readState(n.cfg.Dir)
	if err != nil {
		return err
	}
	return n.waitAll(ctx, peers, knows(min(1, s.running()-1)), "have joined")
}

func (n *Network) waitAll(ctx context.Context, peers []int, c condition, what string) error {
	var met atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for _, i := range peers {
		group.Go(func() error {
			if _, err := n.waitFor(ctx, i, c); err != nil {
				return err
			}
			n.cfg.Progress(fmt.Sprintf("%d of %d peers %s", met.Add(1), len(peers), what))
			return nil
		})
	}
	return group.Wait()
}

// waitFor asks peer i until its answer meets the condition, its process ends,
// or time runs out. The errors hold the end of its log.
func (n *Network) waitFor(ctx context.Context, i int, c condition) (api.Status, error) {
	missing := "it has not answered"
	for pause := askFirst; ; pause = min(2*pause, askMost) {
		answer, err := n.Ask(ctx, i)
		switch {
		case err == nil && c.met(answer):
			return answer, nil
		case err == nil:
			missing = c.short(answer)
		case !n.lives(i):
			return api.Status{}, n.failed(i, errs.Newf("wait for peer", fmt.Sprint(i), errs.Other, "its process has ended"))
		}
		select {
		case <-ctx.Done():
			return api.Status{}, n.late(ctx, i, missing)
		case <-time.After(pause):
		}
	}
}

// late says that time ran out for peer i, or that the caller gave up.
func (n *Network) late(ctx context.Context, i int, missing string) error {
	if ctx.Err() != context.DeadlineExceeded {
		return context.Cause(ctx)
	}
	return n.failed(i, errs.Newf("wait for peer", fmt.Sprint(i), errs.Timeout, "%s after %v", missing, n.cfg.WaitMax))
}

// failed adds the end of peer i's log to the error.
func (n *Network) failed(i int, err error) error {
	path := logPath(n.cfg.Dir, i)
	return errs.Hint(err, "the end of %s:\n%s", path, logTail(path))
}

func (n *Network) lives(i int) bool {
	s, err := readState(n.cfg.Dir)
	if err != nil {
		return false
	}
	alive, _ := s.Peers[i].alive()
	return alive
}

// logTail returns the last lines of a log, indented.
func logTail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "    " + err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > logTailBytes {
		f.Seek(-logTailBytes, io.SeekEnd)
	}
	b, _ := io.ReadAll(io.LimitReader(f, logTailBytes))
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	lines = lines[max(0, len(lines)-logTailLines):]
	return "    " + strings.Join(lines, "\n    ")
}
