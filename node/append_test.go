package node

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/api"
)

// appenders is how many clients append at once.
const appenders = 100

// TestAHundredAppendAtOnce: every line once, in one order, which is the ring's,
// and nobody is told to try again.
func TestAHundredAppendAtOnce(t *testing.T) {
	c := newCluster(t, 6)
	_, ref := c.init(0, 4)
	c.writers(ref)
	clients := make([]int, appenders)
	for i := range clients {
		clients[i] = i % len(c.nodes)
	}
	lines, versions := make([]string, appenders), make([]uint64, appenders)
	for i := range lines {
		lines[i] = fmt.Sprintf("client %d\n", i)
	}
	next := make(chan int, appenders)
	for i := range appenders {
		next <- i
	}
	failures := c.at(clients, func(ctx context.Context, peer int) error {
		i := <-next
		r, err := c.user(peer).Append(ctx, api.AppendRequest{Ref: ours(peer, "log"), Mode: 0o644}, strings.NewReader(lines[i]))
		versions[i] = r.Version
		return err
	})
	for i, err := range failures {
		if err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
	text, err := c.latest(5, ours(5, "log"))
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(strings.Lines(text))
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(lines))) {
		t.Fatalf("not every line is there once:\n%s", text)
	}
	c.inCertifiedOrder(t, text, lines, versions)
	if r, err := c.user(0).Check(t.Context(), api.CheckRequest{Ref: "home:/", History: true}); err != nil || r.Replayed == nil {
		t.Errorf("the history made again from the signed updates: %+v, %v", r.Replayed, err)
	}
}

// inCertifiedOrder holds what is read at several peers against what the ring has
// certified: each version goes on where the one before ended, and has the lines
// whose writers were told so.
func (c *cluster) inCertifiedOrder(t *testing.T, text string, lines []string, versions []uint64) {
	t.Helper()
	before := ""
	for v := slices.Min(versions); v <= slices.Max(versions); v++ {
		peer := int(v) % len(c.nodes)
		now, err := c.get(peer, fmt.Sprintf("%s@%d", ours(peer, "log"), v))
		if err != nil {
			t.Fatal(err)
		}
		added, goesOn := strings.CutPrefix(now, before)
		if !goesOn {
			t.Fatalf("version %d does not go on where the one before ended", v)
		}
		for i, line := range lines {
			if strings.Contains(added, line) != (versions[i] == v) {
				t.Errorf("%q was said to be in version %d; version %d adds\n%s", line, versions[i], v, added)
			}
		}
		before = now
	}
	if before != text {
		t.Errorf("the last version holds\n%s, read was\n%s", before, text)
	}
}

// TestAnAppendWaitsForItsRing: who appends for long is not sent away while the
// ring lacks a quorum, and each line is there once when it is back.
func TestAnAppendWaitsForItsRing(t *testing.T) {
	c := newCluster(t, 6)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	body, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := c.user(0).Append(t.Context(), api.AppendRequest{Ref: "home:/log", Mode: 0o644}, body)
		done <- err
	}()
	say := func(line string) {
		if _, err := io.WriteString(in, line); err != nil {
			t.Fatal(err)
		}
	}
	say("one\n")
	c.until("the first line is there", func() bool {
		got, _ := c.get(0, "home:/log")
		return got == "one\n"
	})
	c.stop(members[0])
	c.stop(members[1])
	say("two\n")
	say("three\n")
	c.start(members[0])
	say("four\n")
	in.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got, err := c.latest(0, "home:/log"); err != nil || got != "one\ntwo\nthree\nfour\n" {
		t.Errorf("%q, %v", got, err)
	}
}
