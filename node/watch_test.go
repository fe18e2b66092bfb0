package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// watching watches at a peer until so many versions have come, the first
// included, and sends each.
func (c *cluster) watching(i int, r api.WatchRequest, count int) (<-chan uint64, <-chan error) {
	versions, ended := make(chan uint64, count), make(chan error, 1)
	go func() {
		left := count
		ended <- c.user(i).Watch(c.t.Context(), r, func(v api.LogVersion) error {
			versions <- v.Version
			if left--; left == 0 {
				return errDone
			}
			return nil
		})
	}()
	return versions, ended
}

var errDone = errors.New("done")

func TestVersionsArePushedToWhoWatches(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "0")
	members := c.members(0, object)
	outside := c.outside(append(members, 0)...)
	const count = 6
	var all []<-chan uint64
	var ends []<-chan error
	for _, i := range []int{outside, outside, members[1], 0} { // two of one peer share what comes in
		versions, ended := c.watching(i, api.WatchRequest{Ref: ref + "/a"}, count)
		all, ends = append(all, versions), append(ends, ended)
	}
	want := []uint64{1}
	for _, versions := range all {
		if got := <-versions; got != 1 {
			t.Fatalf("it begins with version %d", got)
		}
	}
	for i := 1; i < count; i++ {
		if i == 3 {
			c.stop(members[0])
		}
		c.mustPut(0, "home:/other", fmt.Sprint(i))
		want = append(want, c.mustPut(0, "home:/a", fmt.Sprint(i)).Version)
	}
	for i, versions := range all {
		got := []uint64{1}
		for len(got) < count {
			select {
			case v := <-versions:
				got = append(got, v)
			case <-c.within(watchTestMax).Done():
				t.Fatalf("watcher %d has seen %v of %v", i, got, want)
			}
		}
		if err := <-ends[i]; !slices.Equal(got, want) || !errors.Is(err, errDone) {
			t.Errorf("watcher %d has seen %v, %v; want %v", i, got, err, want)
		}
	}
	for i, n := range c.nodes {
		if n != nil && len(n.watches.active) > 0 {
			t.Errorf("peer %d still watches", i)
		}
	}
}

// watchTestMax is far above what a push takes, and below the time after which
// anything is asked again.
const watchTestMax = watchAlive / 2

// Whoever watches is told by the next ring, too.
func TestAWatchFollowsTheRing(t *testing.T) {
	c := newCluster(t, 7)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "0")
	members := c.members(0, object)
	reader := c.outside(append(members, 0)...)
	versions, ended := c.watching(reader, api.WatchRequest{Ref: ref + "/a"}, 2)
	<-versions
	old := c.nodes[members[0]].host.Self().String()
	if _, err := c.user(0).ReplaceMember(c.within(2*watchTestMax), api.ReplaceRequest{Ref: "home:", Peer: old}); err != nil {
		t.Fatal(err)
	}
	want := c.mustPut(0, "home:/a", "1").Version
	select {
	case got := <-versions:
		if got != want {
			t.Errorf("version %d, want %d", got, want)
		}
	case <-c.within(2 * watchTestMax).Done():
		t.Fatal("nothing was told")
	}
	if err := <-ended; !errors.Is(err, errDone) {
		t.Error(err)
	}
}

func TestWatchesOfOthersAreBounded(t *testing.T) {
	n := newNews()
	var leave func()
	for range watchesPerPeerMax {
		var err error
		if leave, err = n.admit(wire.PeerID{1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.admit(wire.PeerID{1}); kindOf(err) != errs.Full {
		t.Errorf("one more of the same peer: %v", err)
	}
	for i := range watchesMax - watchesPerPeerMax {
		if _, err := n.admit(wire.PeerID{2, byte(i), byte(i >> 8)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.admit(wire.PeerID{3}); kindOf(err) != errs.Full {
		t.Errorf("one more of another: %v", err)
	}
	leave()
	if _, err := n.admit(wire.PeerID{3}); err != nil {
		t.Errorf("after one has left: %v", err)
	}
	woken, stop := n.listen(wire.ObjectID{1})
	n.tell(wire.ObjectID{1})
	n.tell(wire.ObjectID{1}) // does not block
	n.tell(wire.ObjectID{2})
	<-woken
	stop()
	n.tell(wire.ObjectID{1})
	select {
	case <-woken:
		t.Error("woken twice, or after the end")
	default:
	}
	if len(n.waiting) > 0 {
		t.Error("what nobody waits for is remembered")
	}
}

func TestAWatchEndsWithItsUser(t *testing.T) {
	c := newCluster(t, 1)
	c.init(0, 1)
	ctx, cancel := context.WithCancel(t.Context())
	err := c.user(0).Watch(ctx, api.WatchRequest{Ref: "home:/"}, func(api.LogVersion) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	err = c.user(0).Watch(t.Context(), api.WatchRequest{Ref: "home:/@1"}, nil)
	if kindOf(err) != errs.Usage {
		t.Errorf("an earlier version: %v", err)
	}
}

// What a gateway learns by itself counts as news, too: the members tell it
// nothing that it knows.
func TestWhatAGatewayLearnsWakesThoseWhoWatch(t *testing.T) {
	c := newClusterOf(t, 5, patient)
	object, _ := c.init(0, 4)
	woken, stop := c.nodes[0].news.listen(object)
	defer stop()
	c.mustPut(0, "home:/a", "one")
	select {
	case <-woken:
	default:
		t.Error("its own write woke nobody")
	}
}
