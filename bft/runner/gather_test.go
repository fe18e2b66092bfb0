package runner

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/atollnet/atoll/bft"
)

// newSlow returns a ring of four on which a version takes 20 ms: the leader
// executes it, and then the others.
func newSlow(t *testing.T) (c *cluster, g bft.Genesis, leader int) {
	c, g = newCluster(t, 4), newGenesis("home", 4)
	c.create(g)
	for _, x := range c.toys {
		x.set(func(x *toy) { x.slow = 10 * time.Millisecond })
	}
	return c, g, g.Body.Ring().Leader(0)
}

// Users who write all the time are ordered together, not in two halves.
func TestUsersWhoWereAnsweredComeAlong(t *testing.T) {
	const users, each = 64, 10
	virtual(t, func(t *testing.T) {
		c, g, leader := newSlow(t)
		defer c.stopAll()
		var all sync.WaitGroup
		for u := range users {
			all.Go(func() {
				for i := range each {
					if _, err := c.hosts[leader].Submit(context.Background(), g.Body.ObjectID(), fmt.Appendf(nil, "%d of %d", i, u)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if log := c.agree(g, 0, 1, 2, 3); len(log) != users*each {
			t.Errorf("%d updates were ordered", len(log))
		}
		head, _, err := c.hosts[leader].Head(g.Body.ObjectID())
		if err != nil {
			t.Fatal(err)
		}
		if v := head.Commit.Decision.Version; v > each+2 {
			t.Errorf("%d users who wrote %d times took %d versions", users, each, v)
		}
	})
}

// Those who do not come back hold up who waits for half of a version at most, and
// a user who is alone for nothing.
func TestNobodyWaitsLongForThoseWhoWereAnswered(t *testing.T) {
	const version = 20 * time.Millisecond
	virtual(t, func(t *testing.T) {
		c, g, leader := newSlow(t)
		defer c.stopAll()
		submit := func(what string) { c.submit(leader, g.Body.ObjectID(), what) }
		began := time.Now()
		for i := range 3 {
			submit(fmt.Sprint("alone ", i))
		}
		if took := time.Since(began); took != 3*version {
			t.Errorf("three updates of one user took %v", took)
		}
		began = time.Now()
		var all sync.WaitGroup
		for i := range 9 {
			all.Go(func() { submit(fmt.Sprint("once ", i)) })
		}
		<-time.After(3 * version / 2) // one is ordered, the others are under way
		submit("late")
		if took := time.Since(began); took > 3*version+version/2 {
			t.Errorf("the third version was there after %v", took)
		}
		all.Wait()
	})
}
