package node

import (
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

func TestHeadsArePublishedAgain(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		last  published
		peers int
		want  bool
	}{
		{published{}, 2, true}, // the first peer has come
		{published{now, 2}, 3, false},
		{published{now, 2}, 4, true},
		{published{now, 50}, 99, false},
		{published{now.Add(-publishEvery - 1), 50}, 10, true},
	} {
		if got := c.last.due(now, c.peers); got != c.want {
			t.Errorf("%+v with %d peers: %v", c.last, c.peers, got)
		}
	}
}

func TestObjectsComeUpOnceAndInTime(t *testing.T) {
	a := newAgenda()
	one, two := wire.ObjectID{1}, wire.ObjectID{2}
	a.add(one)
	a.add(two)
	a.add(one)
	due := a.take(10)
	if len(due) != 2 {
		t.Fatalf("%d objects are due, want 2", len(due))
	}
	a.again(one, due[one]+1)
	if due = a.take(10); len(due) != 1 || due[one] != 1 {
		t.Errorf("after one failed: %v", due)
	}
	if due = a.take(10); len(due) != 0 {
		t.Errorf("after all is done: %v", due)
	}
}

func TestNoMoreObjectsComeUpThanAreAskedFor(t *testing.T) {
	a := newAgenda()
	for i := range 100 {
		a.add(wire.ObjectID{byte(i)})
	}
	seen := map[wire.ObjectID]bool{}
	for range 10 {
		due := a.take(10)
		if len(due) != 10 {
			t.Fatalf("%d objects are due, want 10", len(due))
		}
		for o := range due {
			seen[o] = true
		}
	}
	if len(seen) != 100 {
		t.Errorf("%d objects came up, want 100", len(seen))
	}
}
