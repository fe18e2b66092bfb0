package node

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/update"
)

// writer signs updates of an object outside all rules of a gateway.
type writer struct {
	c      *cluster
	object wire.ObjectID
	key    wire.Key
	seq    wire.Seq
}

// writer makes one whom the owner of home: at peer 0 lets write.
func (c *cluster) writer(object wire.ObjectID, seed byte) *writer {
	c.t.Helper()
	w := c.strange(object, seed)
	if _, err := c.user(0).Share(c.t.Context(), api.ShareRequest{Ref: "home:/", Write: w.key.Public().String(), Until: api.Ordered}); err != nil {
		c.t.Fatal(err)
	}
	return w
}

// strange makes one whom nobody has allowed to write.
func (c *cluster) strange(object wire.ObjectID, seed byte) *writer {
	return &writer{c: c, object: object, key: wire.NewKey([32]byte{'w', seed})}
}

// sign signs an update that appends a line to a file of nobody's tree.
func (w *writer) sign(seq wire.Seq, line string) []byte {
	u := update.Update{Object: w.object, Session: wire.SessionID{1}, Seq: seq, Until: update.SessionVersions, Clauses: []update.Clause{{
		Actions: []update.Action{update.Append(wire.NodeID{'l'}, []update.BlockRef{{Length: uint32(len(line)), Sealed: []byte(line)}})},
	}}}
	return update.Sign(w.key, u).Encode()
}

func (w *writer) next(line string) []byte {
	w.seq++
	return w.sign(w.seq, line)
}

// submit has it ordered through a peer; a refusal is an error either way.
func (w *writer) submit(ctx context.Context, peer int, signed []byte) (objects.Ordered, error) {
	o, err := w.c.nodes[peer].ring.Submit(ctx, w.object, signed)
	if err == nil {
		err = o.Outcome.Err()
	}
	return o, err
}

// version returns the newest version that a member has committed.
func (c *cluster) version(object wire.ObjectID) (newest wire.Version) {
	for _, n := range c.nodes {
		if own, here, err := n.ring.local(object); err == nil && here {
			newest = max(newest, own.verified.Decision.Version)
		}
	}
	return newest
}

// What a ring has no use for leaves nothing behind, not even a version.
func TestUselessUpdatesAreNotOrdered(t *testing.T) {
	c := newCluster(t, 6)
	object, _ := c.init(0, 4)
	outside := c.outside(append(c.members(0, object), 0)...)
	w, stranger := c.writer(object, 1), c.strange(object, 2)
	old := w.next("first")
	if _, err := w.submit(t.Context(), outside, old); err != nil {
		t.Fatal(err)
	}
	w.seq += update.SessionSeqs
	if _, err := w.submit(t.Context(), outside, w.next("much later")); err != nil {
		t.Fatal(err)
	}
	before := c.version(object)
	forged := w.next("forged")
	forged[len(forged)-1] ^= 1
	other := *w
	other.object = wire.ObjectID{7}
	for _, bad := range []struct {
		what   string
		update []byte
		want   string
	}{
		{"bytes", []byte("no update"), "malformed"},
		{"of a stranger", stranger.next("let me in"), "no right"},
		{"a bad signature", forged, "signature"},
		{"of another object", other.next("here too"), "another object"},
		{"too old to tell", old, "too old"},
		{"a number that was used", w.sign(w.seq-1, "two with one number"), "used before"},
	} {
		_, err := w.submit(t.Context(), outside, bad.update)
		if kind := errs.KindOf(err); kind != errs.Refused && kind != errs.Usage || !strings.Contains(fmt.Sprint(err), bad.want) {
			t.Errorf("%s: %v, want %q", bad.what, err, bad.want)
		}
	}
	if after := c.version(object); after != before {
		t.Errorf("version %d, before the useless updates %d", after, before)
	}
}

// Who is allowed to write may do so at once, through members that have not got
// that version yet.
func TestAWriterIsKnownAtOnce(t *testing.T) {
	c := newCluster(t, 6)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	for i := range 20 {
		w := c.writer(object, byte(i))
		if _, err := w.submit(t.Context(), members[i%4], w.next("hello")); err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
}
