package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// writers lets the users of all peers write peer 0's volume, each under the
// petname "ours".
func (c *cluster) writers(ref string) {
	c.t.Helper()
	c.mustPut(0, "home:/first", "")
	for i := 1; i < len(c.nodes); i++ {
		me, err := c.user(i).Identity(c.t.Context())
		if err == nil {
			_, err = c.user(0).Share(c.t.Context(), api.ShareRequest{Ref: "home:/", Write: me.Author, Until: api.Ordered})
		}
		if err != nil {
			c.t.Fatal(err)
		}
		c.until("the peer knows the volume", func() bool {
			_, err := c.user(i).AddVolume(c.t.Context(), api.AddVolumeRequest{Petname: "ours", Ref: ref})
			return err == nil || kindOf(err) == errs.Conflict
		})
	}
}

// at has every peer of some do something at once and returns what came of it.
func (c *cluster) at(peers []int, do func(ctx context.Context, peer int) error) []error {
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	failures := make([]error, len(peers))
	var all sync.WaitGroup
	start := make(chan struct{})
	for i, peer := range peers {
		all.Go(func() {
			<-start
			failures[i] = do(ctx, peer)
		})
	}
	close(start)
	all.Wait()
	return failures
}

// ours is a path in the volume as a peer names it.
func ours(peer int, path string) string {
	if peer == 0 {
		return "home:/" + path
	}
	return "ours:/" + path
}

// oneWins checks that of changes that exclude each other one was made.
func (c *cluster) oneWins(what string, failures []error) (winner int) {
	c.t.Helper()
	winner = -1
	for i, err := range failures {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			c.t.Fatalf("%s: %d and %d both won", what, winner, i)
		case kindOf(err) != errs.Conflict:
			c.t.Errorf("%s: %v, want a conflict", what, err)
		}
	}
	if winner < 0 {
		c.t.Fatalf("%s: nobody won", what)
	}
	return winner
}

// TestWritersOfOneVolume: what peers write at once through a ring of four
// conflicts if they asked for it, or if both cannot be, and not otherwise.
func TestWritersOfOneVolume(t *testing.T) {
	c := newCluster(t, 6)
	_, ref := c.init(0, 4)
	c.writers(ref)
	t.Run("conditions", func(t *testing.T) { c.conditions(t) })
	t.Run("different files", func(t *testing.T) { c.differentFiles(t) })
	t.Run("two moves", func(t *testing.T) { c.moves(t) })
}

func (c *cluster) conditions(t *testing.T) {
	two := []int{1, 2}
	for round := range 6 {
		path := fmt.Sprint("guarded", round)
		put := func(ctx context.Context, peer int, q api.PutRequest) error {
			q.Dest, q.Mode, q.Until = ours(peer, path), 0o644, api.Ordered
			_, err := c.user(peer).Put(ctx, q, bytes.NewReader(fmt.Append(nil, peer)))
			return err
		}
		winner := c.oneWins("put --if-absent", c.at(two, func(ctx context.Context, peer int) error {
			return put(ctx, peer, api.PutRequest{IfAbsent: true})
		}))
		c.content(t, path, fmt.Sprint(two[winner]))
		e, err := c.user(0).Stat(t.Context(), api.ReadRequest{Ref: ours(0, path), Consistency: api.Latest})
		if err != nil {
			t.Fatal(err)
		}
		winner = c.oneWins("put --if-version", c.at(two, func(ctx context.Context, peer int) error {
			return put(ctx, peer, api.PutRequest{IfVersion: &e.Version})
		}))
		c.content(t, path, fmt.Sprint(two[winner]))
	}
}

// content checks what everybody reads.
func (c *cluster) content(t *testing.T, path, want string) {
	t.Helper()
	for i := range c.nodes {
		got, err := c.latest(i, ours(i, path))
		if err != nil || got != want {
			t.Errorf("%s at peer %d: %.40q, %v, want %.40q", path, i, got, err, want)
		}
	}
}

// latest reads what was acknowledged to anybody.
func (c *cluster) latest(i int, ref string) (string, error) {
	_, r, err := c.user(i).Open(c.t.Context(), api.ReadRequest{Ref: ref, Consistency: api.Latest})
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func (c *cluster) differentFiles(t *testing.T) {
	const rounds = 8
	failures := c.at([]int{0, 1, 2, 3}, func(ctx context.Context, peer int) error {
		var version *uint64
		for round := range rounds {
			q := api.PutRequest{Dest: ours(peer, fmt.Sprint("own", peer)), Mode: 0o644, Until: api.Ordered, IfVersion: version, IfAbsent: round == 0}
			r, err := c.user(peer).Put(ctx, q, strings.NewReader(fmt.Sprint(round)))
			if err != nil {
				return err
			}
			version = &r.Version
		}
		return nil
	})
	for peer, err := range failures {
		if err != nil {
			t.Errorf("peer %d, who alone writes his file: %v", peer, err)
		}
		c.content(t, fmt.Sprint("own", peer), fmt.Sprint(rounds-1))
	}
}

// moves has a go under b and b under a: the one that comes second would close a
// circle.
func (c *cluster) moves(t *testing.T) {
	for round := range 6 {
		a, b := fmt.Sprintf("a%d", round), fmt.Sprintf("b%d", round)
		for _, dir := range []string{a, b} {
			if _, err := c.user(0).Mkdir(t.Context(), api.MkdirRequest{Ref: ours(0, dir), Mode: 0o755, Until: api.Ordered}); err != nil {
				t.Fatal(err)
			}
		}
		c.mustPut(0, ours(0, a+"/in"), "in a")
		c.mustPut(0, ours(0, b+"/in"), "in b")
		c.content(t, b+"/in", "in b") // both movers have seen both directories
		failures := c.at([]int{1, 2}, func(ctx context.Context, peer int) error {
			from, to := ours(peer, a), ours(peer, b+"/"+a)
			if peer == 2 {
				from, to = ours(peer, b), ours(peer, a+"/"+b)
			}
			_, err := c.user(peer).Move(ctx, api.MoveRequest{From: from, To: to, Until: api.Ordered})
			return err
		})
		moved := ""
		for i, err := range failures {
			switch {
			case err == nil && moved == "":
				moved = []string{b + "/" + a, a + "/" + b}[i]
			case err == nil:
				t.Fatal("both moves were made")
			// The loser finds its own way gone when it looks again.
			case kindOf(err) != errs.Conflict && kindOf(err) != errs.Usage && kindOf(err) != errs.NotFound:
				t.Errorf("the move that came second: %v", err)
			}
		}
		if moved == "" {
			t.Fatalf("no move was made: %v", failures)
		}
		outer := strings.Split(moved, "/")[0]
		c.content(t, outer+"/in", "in "+outer[:1])
		c.content(t, moved+"/in", "in "+moved[strings.IndexByte(moved, '/')+1:][:1])
	}
}
