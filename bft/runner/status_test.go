package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// statuses asks hosts what is newest.
func (c *cluster) statuses(object wire.ObjectID, nonce bft.Nonce, hosts ...int) (all []bft.Status) {
	c.t.Helper()
	for _, i := range hosts {
		s, err := c.hosts[i].Status(context.Background(), object, nonce)
		if err != nil {
			c.t.Fatalf("status of %d: %v", i, err)
		}
		all = append(all, s)
	}
	return all
}

// Whatever 2f+1 members answer holds what was acknowledged before the question.
func TestStatusShowsWhatWasAcknowledged(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		for v := range 8 {
			away := v % 4 // hears nothing of this version
			c.lose(func(from, to int, _ []byte) bool { return from == away || to == away })
			r := c.submit((away+1)%4, object, fmt.Sprint("update ", v))
			c.lose(nil)
			nonce := bft.Nonce{byte(v)}
			answers := c.statuses(object, nonce, away, (away+1)%4, (away+2)%4)
			got, err := bft.Newest(g.Body.Ring(), nonce, answers)
			if err != nil || got == nil || got.Decision.Version < r.Version {
				t.Fatalf("after version %d: %+v, %v", r.Version, got, err)
			}
		}
	})
}

// A member that has prepared a version says what is newest once that is decided,
// though nobody else writes.
func TestStatusDrivesWhatIsPreparedToItsEnd(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		// Commits get lost: all have it prepared, nobody knows that it is decided.
		c.lose(func(_, _ int, message []byte) bool {
			_, _, m, err := bft.ParseMessage(message)
			v, ok := m.(*bft.Vote)
			return err == nil && ok && v.Kind == bft.Commit
		})
		var group sync.WaitGroup
		group.Go(func() { c.submit(0, object, "one") })
		synctest.Wait()
		short, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if s, err := c.hosts[1].Status(short, object, bft.Nonce{1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("while it is not decided: %+v, %v", s, err)
		}
		c.lose(nil)
		nonce := bft.Nonce{2}
		got, err := bft.Newest(g.Body.Ring(), nonce, c.statuses(object, nonce, 1, 2, 3))
		if err != nil || got == nil || got.Decision.Version != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		group.Wait()
	})
}

func TestReadersThatWaitAreBounded(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		g := newGenesis("home", 4)
		object := c.create(g)
		c.lose(func(_, _ int, message []byte) bool {
			_, _, m, err := bft.ParseMessage(message)
			v, ok := m.(*bft.Vote)
			return err == nil && ok && v.Kind == bft.Commit
		})
		ctx, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		group.Go(func() { _, _ = c.hosts[0].Submit(ctx, object, []byte("one")) })
		synctest.Wait()
		for range QuestionsMax {
			group.Go(func() { _, _ = c.hosts[1].Status(ctx, object, bft.Nonce{}) })
		}
		synctest.Wait()
		if _, err := c.hosts[1].Status(ctx, object, bft.Nonce{}); !errors.Is(err, ErrBusy) {
			t.Errorf("one more: %v", err)
		}
		cancel() // those who gave up take no room
		group.Wait()
		short, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if _, err := c.hosts[1].Status(short, object, bft.Nonce{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the others have gone: %v", err)
		}
		group.Go(func() {
			if _, err := c.hosts[1].Status(context.Background(), object, bft.Nonce{}); !errors.Is(err, ErrClosed) {
				t.Errorf("at the end: %v", err)
			}
		})
		synctest.Wait()
		c.stopAll()
		group.Wait()
	})
}

// A former member says so; a member of the next ring answers for that one.
func TestStatusAcrossEpochs(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 5)
		defer c.stopAll()
		g := newGenesis("home", 1)
		object := c.create(g)
		c.submit(0, object, "one")
		c.submit(0, object, string(c.plan(object, g.Body.Ring(), 1, 2, 3, 4).Encode()))
		for _, i := range []int{1, 2, 3, 4} {
			c.join(i, 0, object)
		}
		if _, err := c.hosts[0].Status(context.Background(), object, bft.Nonce{}); !errors.Is(err, ErrMoved) {
			t.Errorf("the former member: %v", err)
		}
		nonce := bft.Nonce{3}
		ring := c.ring(1, object).Ring
		if got, err := bft.Newest(ring, nonce, c.statuses(object, nonce, 2, 3, 4)); got != nil || err != nil {
			t.Errorf("before the new ring has decided anything: %+v, %v", got, err)
		}
		if _, err := c.hosts[1].Status(context.Background(), wire.ObjectID{1}, nonce); !errors.Is(err, ErrUnknownObject) {
			t.Errorf("of no object: %v", err)
		}
	})
}

func TestEvidenceIsKept(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stopAll()
	g := newGenesis("home", 4)
	object, ring := g.Body.ObjectID(), g.Body.Ring()
	decision := func(state byte) bft.Decision {
		return bft.Decision{Object: object, Epoch: 1, Ring: ring.ID(), Version: 1, State: wire.NodeHash{state}}
	}
	vote := func(member int, state byte) bft.Cast {
		d := decision(state)
		return bft.Cast{Member: uint8(member), Kind: bft.Prepare, Decision: d,
			Signature: bft.SignVote(ringKey(member), bft.Prepare, bft.Ballot{Decision: d.ID()})}
	}
	keep := func(e bft.Evidence) {
		t.Helper()
		if err := c.disks[0].Update(func(w kv.Writer) error { return putEvidence(w, e) }); err != nil {
			t.Fatal(err)
		}
	}
	first := bft.VoteEvidence(ring, vote(1, 1), vote(1, 2))
	keep(first)
	keep(bft.VoteEvidence(ring, vote(1, 1), vote(1, 3))) // the same member again
	keep(bft.VoteEvidence(ring, vote(2, 1), vote(2, 3)))
	all, err := c.hosts[0].Evidence(object)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d pieces of evidence, %v; want one for each member", len(all), err)
	}
	if got, err := all[0].Verify(); err != nil || got.Members != 1<<1 || string(all[0].Encode()) != string(first.Encode()) {
		t.Errorf("%+v, %v", got, err)
	}
	for e := range EvidenceMax {
		later := ring
		later.Epoch = wire.Epoch(e + 2)
		d, f := decision(1), decision(2)
		d.Ring, f.Ring = later.ID(), later.ID()
		cast := func(d bft.Decision) bft.Cast {
			return bft.Cast{Kind: bft.Prepare, Decision: d, Signature: bft.SignVote(ringKey(0), bft.Prepare, bft.Ballot{Decision: d.ID()})}
		}
		keep(bft.VoteEvidence(later, cast(d), cast(f)))
	}
	if all, err = c.hosts[0].Evidence(object); err != nil || len(all) != EvidenceMax {
		t.Errorf("%d pieces of evidence are kept, want %d; %v", len(all), EvidenceMax, err)
	}
}
