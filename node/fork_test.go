package node

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/wire"
)

// notebook is an observer that remembers what it is told.
type notebook struct {
	mu    sync.Mutex
	notes []string
}

func (n *notebook) Progress(api.Progress) {}

func (n *notebook) Note(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, text)
}

func (n *notebook) says(text string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.notes, func(l string) bool { return strings.Contains(l, text) })
}

// twin returns a head that three of four members have certified beside that of
// the same version.
func (c *cluster) twin(object wire.ObjectID, k known, members []int) []byte {
	c.t.Helper()
	commit := bft.Certificate{Format: k.head.Commit.Format, Kind: bft.Commit, Decision: k.head.Commit.Decision, View: k.head.Commit.View}
	commit.Decision.TimeUnixMilli++
	for i, m := range k.verified.Ring.Members[:3] {
		at := slices.IndexFunc(members, func(j int) bool { return c.nodes[j].host.Self() == m.Peer })
		key, err := (&liar{node: c.nodes[members[at]], object: object}).ringKey()
		if err != nil {
			c.t.Fatal(err)
		}
		commit.Signers |= 1 << i
		commit.Signatures = append(commit.Signatures, bft.SignVote(key, bft.Commit, commit.Ballot()))
	}
	head := k.head
	head.Commit = &commit
	value, err := head.Encode()
	if err != nil {
		c.t.Fatal(err)
	}
	return value
}

// A reader is shown a second state as the version that it knows. It stays with
// the first, keeps the proof, and says so from then on.
func TestAForkIsExposed(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	members := c.members(0, object)
	c.mustPut(0, "home:/a", "the one state")
	reader := c.outside(append(members, 0)...)
	if got, err := c.get(reader, ref+"/a"); err != nil || got != "the one state" {
		t.Fatalf("%q, %v", got, err)
	}
	n := c.nodes[reader]
	before, _ := n.ring.heads.find(object)
	var first, later notebook
	after, err := n.ring.take(api.WithObserver(t.Context(), &first), object, c.twin(object, before, members))
	if err != nil || after.verified.Version != before.verified.Version {
		t.Errorf("it went over to %v, %v", after.verified.Version, err)
	}
	const sentence = "has certified two states as version 1"
	if !first.says(sentence) {
		t.Errorf("the user is told %q", first.notes)
	}
	c.stop(reader)
	c.start(reader)
	c.until("it knows the others", func() bool { return c.nodes[reader].live() == 5 })
	if _, _, err := c.nodes[reader].place(api.WithObserver(t.Context(), &later), ref, false); err != nil || !later.says(sentence) {
		t.Errorf("after a restart the user is told %q, %v", later.notes, err)
	}
	shown, err := c.user(reader).Ring(context.Background(), api.RingRequest{Ref: ref})
	if err != nil || len(shown.Evidence) == 0 {
		t.Fatalf("evidence %q, %v", shown.Evidence, err)
	}
	x, err := bft.ParseExhibit(shown.Exhibit)
	if err != nil {
		t.Fatal(err)
	}
	if lies, err := x.Verify(object); err != nil || !slices.ContainsFunc(lies, func(l bft.Lie) bool { return l.Forked }) {
		t.Errorf("offline: %v, %v", lies, err)
	}
}
