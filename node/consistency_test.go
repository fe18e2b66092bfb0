package node

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// read reads a file at a level of consistency.
func (c *cluster) read(ctx context.Context, i int, ref, level string) (string, error) {
	_, r, err := c.user(i).Open(ctx, api.ReadRequest{Ref: ref, Consistency: level})
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

// within returns a context that ends after a time.
func (c *cluster) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(c.t.Context(), d)
	c.t.Cleanup(cancel)
	return ctx
}

// stranger returns the members of an object's ring, and a peer that is neither
// one of them nor the writer.
func (c *cluster) stranger(writer int, object wire.ObjectID) (members []int, reader int) {
	members = c.members(writer, object)
	return members, c.outside(append(members, writer)...)
}

func TestLatestReadsWhatWasAcknowledged(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "0")
	members, reader := c.stranger(0, object)
	for i := 1; i <= 6; i++ {
		if i == 4 {
			c.stop(members[0]) // the leader: one member of four may be gone
		}
		want := fmt.Sprint(i)
		c.mustPut(0, "home:/a", want)
		if got, err := c.read(t.Context(), reader, ref+"/a", api.Latest); err != nil || got != want {
			t.Fatalf("after %s was acknowledged a stranger reads %q, %v", want, got, err)
		}
		if got, err := c.read(t.Context(), members[1], ref+"/a", api.Latest); err != nil || got != want {
			t.Fatalf("after %s was acknowledged a member reads %q, %v", want, got, err)
		}
	}
}

// Readers and a writer at once: no read is older than what had been
// acknowledged, or read by anybody, before it began.
func TestLatestIsLinearizable(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "0")
	members, outside := c.stranger(0, object)
	var mu sync.Mutex
	floor := 0 // of what is known to somebody
	raise := func(to int) {
		mu.Lock()
		defer mu.Unlock()
		floor = max(floor, to)
	}
	now := func() int {
		mu.Lock()
		defer mu.Unlock()
		return floor
	}
	const last = 30
	var group sync.WaitGroup
	for _, reader := range []int{outside, members[1], members[2], 0} {
		group.Go(func() {
			for now() < last {
				before := now()
				text, err := c.read(t.Context(), reader, ref+"/a", api.Latest)
				var got int
				if _, scan := fmt.Sscan(text, &got); err != nil || scan != nil || got < before {
					t.Errorf("peer %d reads %q, %v after %d was known", reader, text, err, before)
					raise(last)
					return
				}
				raise(got)
			}
		})
	}
	for i := 1; i <= last; i++ {
		c.mustPut(0, "home:/a", fmt.Sprint(i))
		raise(i)
	}
	group.Wait()
}

func TestLatestNeedsAQuorum(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "one")
	members, reader := c.stranger(0, object)
	if got, err := c.read(t.Context(), reader, ref+"/a", "bounded=1h"); err != nil || got != "one" {
		t.Fatalf("%q, %v", got, err)
	}
	c.stop(members[0])
	c.stop(members[1])
	for _, level := range []string{api.Latest, "bounded=0s"} {
		_, err := c.read(c.within(time.Second), reader, ref+"/a", level)
		if kindOf(err) != errs.NoQuorum || !strings.Contains(err.Error(), "3 of the ring's 4 members must answer") {
			t.Errorf("%s without a quorum: %v", level, err)
		}
	}
	for _, level := range []string{api.Any, api.Session, "", "bounded=1h"} {
		if got, err := c.read(t.Context(), reader, ref+"/a", level); err != nil || got != "one" {
			t.Errorf("%q without a quorum: %q, %v", level, got, err)
		}
	}
	if _, err := c.read(t.Context(), reader, ref+"/b", ""); kindOf(err) != errs.NotFound {
		t.Errorf("what is not there, without a quorum: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.read(t.Context(), reader, ref+"/a", api.Latest)
		done <- err
	}()
	c.start(members[0]) // whoever waits goes on when it returns
	if err := <-done; err != nil {
		t.Errorf("once a member is back: %v", err)
	}
}

// A head that was proven counts for as long as the reader says, and no longer.
func TestBoundedAsksAgainWhenItsProofIsTooOld(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "one")
	_, reader := c.stranger(0, object)
	expect := func(level, want string) {
		t.Helper()
		if got, err := c.read(t.Context(), reader, ref+"/a", level); err != nil || got != want {
			t.Fatalf("%s: %q, %v; want %q", level, got, err, want)
		}
	}
	expect("bounded=1m", "one")
	c.mustPut(0, "home:/a", "two")
	expect("bounded=1m", "one")
	expect(api.Any, "one")
	c.nodes[reader].ring.heads.note(object, func(k *known) { k.proven = k.proven.Add(-time.Minute) })
	expect("bounded=1m", "two")
	c.mustPut(0, "home:/a", "three")
	expect("bounded=0s", "three")
}

func TestBeforeNotFoundTheRingIsAsked(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "one")
	_, reader := c.stranger(0, object)
	if got, err := c.get(reader, ref+"/a"); err != nil || got != "one" {
		t.Fatalf("%q, %v", got, err)
	}
	c.mustPut(0, "home:/b", "two")
	// The reader has just asked for the newest version, and does not ask again.
	justAsked := func() {
		c.nodes[reader].ring.heads.note(object, func(k *known) { k.asked = time.Now().Add(time.Hour) })
	}
	justAsked()
	if got, err := c.get(reader, ref+"/b"); err != nil || got != "two" {
		t.Errorf("what was just written: %q, %v", got, err)
	}
	put := c.mustPut(0, "home:/c", "three")
	at := fmt.Sprintf("%s/c@%d", ref, put.Version)
	if got, err := c.get(reader, at); err != nil || got != "three" {
		t.Errorf("a version that was just made: %q, %v", got, err)
	}
	if _, err := c.get(reader, ref+"/d"); kindOf(err) != errs.NotFound {
		t.Errorf("what was never written: %v", err)
	}
	c.mustPut(0, "home:/e", "four")
	if _, err := c.read(t.Context(), reader, ref+"/e", api.Any); kindOf(err) != errs.NotFound {
		t.Errorf("any does not ask: %v", err)
	}
}

// The first read asks the ring, whatever the DHT says.
func TestTheFirstReadOfAnObjectIsFresh(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "one")
	_, reader := c.stranger(0, object)
	if _, err := c.nodes[reader].ring.lookup(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	c.mustPut(0, "home:/a", "two")
	if got, err := c.get(reader, ref+"/a"); err != nil || got != "two" {
		t.Errorf("%q, %v", got, err)
	}
	if k, _ := c.nodes[reader].ring.heads.find(object); k.proven.IsZero() {
		t.Error("the ring was not asked")
	}
}

func TestUnknownLevelsAreRefused(t *testing.T) {
	c := newCluster(t, 1)
	c.init(0, 1)
	for _, level := range []string{"most", "bounded", "bounded=", "bounded=-1s", "bounded=1", "latest=1s"} {
		if _, err := c.user(0).Stat(t.Context(), api.ReadRequest{Ref: "home:/", Consistency: level}); kindOf(err) != errs.Usage {
			t.Errorf("%q: %v", level, err)
		}
	}
	for _, level := range []string{"", api.Any, api.Session, "bounded=0s", "bounded=1h", api.Latest} {
		if _, err := c.user(0).Stat(t.Context(), api.ReadRequest{Ref: "home:/", Consistency: level}); err != nil {
			t.Errorf("%q: %v", level, err)
		}
	}
}

// Whoever asks who orders a volume is shown proof of lies, if a member has any,
// and nothing that proves nothing.
func TestRingShowsEvidence(t *testing.T) {
	c := newCluster(t, 5)
	object, _ := c.init(0, 4)
	c.mustPut(0, "home:/a", "one")
	k, err := c.nodes[0].ring.find(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	ring := k.verified.Ring
	liar := wire.NewKey([32]byte{7})
	forged := ring
	forged.Members = append([]bft.Member{{Peer: ring.Members[0].Peer, Key: liar.Public()}}, ring.Members[1:]...)
	cast := func(state byte) bft.Cast {
		d := bft.Decision{Object: object, Epoch: 1, Ring: forged.ID(), Version: 9, State: wire.NodeHash{state}}
		return bft.Cast{Kind: bft.Commit, Decision: d, Signature: bft.SignVote(liar, bft.Commit, bft.Ballot{Decision: d.ID()})}
	}
	e := bft.VoteEvidence(forged, cast(1), cast(2))
	if _, err := e.Verify(); err != nil {
		t.Fatal(err)
	}
	if _, lines := proven(e.Encode(), k.head); len(lines) > 0 {
		t.Errorf("of a ring that is in no chain: %q", lines)
	}
	head := k.head
	head.Links = append(head.Links, bft.Link{Ring: forged})
	want := fmt.Sprintf("epoch 1: %v has signed two decisions on one version", ring.Members[0].Peer)
	if _, lines := proven(e.Encode(), head); len(lines) != 1 || lines[0] != want {
		t.Errorf("%q, want %q", lines, want)
	}
	r, err := c.user(0).Ring(t.Context(), api.RingRequest{Ref: "home:"})
	if err != nil || r.Evidence == nil || len(r.Evidence) > 0 {
		t.Errorf("of an honest ring: %q, %v", r.Evidence, err)
	}
}
