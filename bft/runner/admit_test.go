package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// doorman admits updates of toys: their first byte is their source, and the
// source '!' is a forger.
type doorman struct {
	mu       sync.Mutex
	asked    int
	at       Position // as last asked
	executed map[string]wire.Version
}

var errForged = errors.New("forged")

func (d *doorman) Check(_ wire.ObjectID, update []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if update[0] == '!' {
		return errForged
	}
	return nil
}

func (d *doorman) Admit(_ context.Context, object wire.ObjectID, at Position, update []byte) (Admission, error) {
	err := d.Check(object, update)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = at
	return Admission{Source: wire.PublicKey{update[0]}, Executed: d.executed[string(update)]}, err
}

func (d *doorman) calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// guard puts a doorman before every host.
func (c *cluster) guard() []*doorman {
	var all []*doorman
	for _, h := range c.hosts {
		d := &doorman{executed: make(map[string]wire.Version)}
		h.Admitter = d
		all = append(all, d)
	}
	return all
}

func TestWhatIsNotAdmittedIsNotOrdered(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stopAll()
	door := c.guard()[0]
	object := c.create(newGenesis("home", 1))
	if _, err := c.hosts[0].Submit(t.Context(), object, []byte("!")); !errors.Is(err, errForged) {
		t.Errorf("a forged update: %v", err)
	}
	if door.at.State.Version != 0 || door.at.Ring.Object != object {
		t.Errorf("looked at on %+v", door.at)
	}
	c.submit(0, object, "a")
	c.submit(0, object, "b")
	if door.at.State.Version != 1 {
		t.Errorf("looked at on version %d, want 1", door.at.State.Version)
	}
	asked := door.calls()
	if _, err := c.hosts[0].Submit(t.Context(), wire.ObjectID{1}, []byte("a")); !errors.Is(err, ErrUnknownObject) || door.calls() != asked {
		t.Errorf("of an object that is ordered elsewhere: %v, looked at %d times", err, door.calls()-asked)
	}
}

func TestARepeatedUpdateIsAnsweredFromTheLog(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stopAll()
	door := c.guard()[0]
	g := newGenesis("home", 1)
	object := c.create(g)
	first := c.submit(0, object, "a1")
	c.submit(0, object, "a2")
	door.executed["a1"], door.executed["a3"] = 1, 1
	again := c.submit(0, object, "a1")
	if again.Version != first.Version || !bytes.Equal(again.Outcome, first.Outcome) {
		t.Errorf("first %d %q, then %d %q", first.Version, first.Outcome, again.Version, again.Outcome)
	}
	if err := again.Proof.Verify(again.Certificate.Decision, []byte("a1"), again.Outcome); err != nil {
		t.Error(err)
	}
	if r := c.submit(0, object, "a3"); r.Version != 3 {
		t.Errorf("what the log does not hold is ordered in version %d, want 3", r.Version)
	}
}

// flood submits updates of one source until as many wait as given.
func (c *cluster) flood(ctx context.Context, object wire.ObjectID, source byte, count, bytes int) <-chan error {
	ended := make(chan error, count)
	for i := range count {
		u := fmt.Appendf(nil, "%c%d", source, i)
		u = append(u, make([]byte, max(0, bytes-len(u)))...)
		go func() {
			_, err := c.hosts[0].Submit(ctx, object, u)
			ended <- err
		}()
	}
	synctest.Wait()
	return ended
}

func TestOneSourceLeavesRoomForOthers(t *testing.T) {
	for _, full := range []struct{ count, bytes int }{
		{PendingPerSourceMax, 10}, {PendingPerSourceBytesMax / wire.UpdateBytesMax, wire.UpdateBytesMax},
	} {
		virtual(t, func(t *testing.T) {
			c := newCluster(t, 1)
			defer c.stopAll()
			c.guard()
			object := c.create(newGenesis("home", 1))
			gate := make(chan struct{})
			c.toys[0].set(func(x *toy) { x.gate = gate })
			gone, leave := context.WithCancel(t.Context())
			ended := c.flood(gone, object, 'a', full.count, full.bytes)
			leave() // who goes away leaves his updates in the queue
			for range full.count {
				<-ended
			}
			if _, err := c.hosts[0].Submit(t.Context(), object, []byte("a more")); !errors.Is(err, ErrBusy) {
				t.Errorf("one more of the same source: %v", err)
			}
			other := c.flood(t.Context(), object, 'b', 1, 10)
			close(gate)
			if err := <-other; err != nil {
				t.Errorf("of another source: %v", err)
			}
			c.submit(0, object, "a again")
		})
	}
}

// pass has a host hear of an update from a member.
func (c *cluster) pass(to, from int, object wire.ObjectID, update string) {
	c.hosts[to].Deliver(peer(from), bft.EncodeMessage(object, 1, &bft.Request{Update: []byte(update)}))
	synctest.Wait()
}

func TestWhoPassesOnForgeriesIsNotHeardForAWhile(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.stopAll()
		doors := c.guard()
		g := newGenesis("home", 4)
		object := c.create(g)
		leader := g.Body.Ring().Leader(0)
		liar, other := (leader+1)%4, (leader+2)%4
		c.pass(leader, liar, object, "!")
		asked := doors[leader].calls()
		c.pass(leader, liar, object, "late")
		if doors[leader].calls() != asked {
			t.Error("what a forger passes on is looked at")
		}
		c.pass(leader, other, object, "of another")
		time.Sleep(forgerPause + time.Second)
		c.pass(leader, liar, object, "heard again")
		c.submit(leader, object, "own")
		if got, want := fmt.Sprint(check(t, c.hosts[leader], g)), "[of another heard again own]"; got != want {
			t.Errorf("ordered: %s, want %s", got, want)
		}
		asked = doors[leader].calls()
		c.hosts[leader].Deliver(wire.PeerID{9}, bft.EncodeMessage(object, 1, &bft.Request{Update: []byte("!")}))
		if synctest.Wait(); doors[leader].calls() != asked {
			t.Error("what a stranger passes on is looked at")
		}
	})
}
