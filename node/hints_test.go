package node

import (
	"bytes"
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/transfer"
)

// provesVersion is what a head of a version proves.
func provesVersion(version wire.Version) (v bft.Verified) {
	v.Epoch, v.Decision.Version = 1, version
	return v
}

// hintTo makes a hint that leads up to a version, by an extent of that name.
func hintTo(version wire.Version, name byte) []byte {
	return archive.NewHint(version, []transfer.Source{{Extent: wire.ExtentID{name}}}).Encode()
}

func TestHeadsThatProveTheSameAreOrderedByTheirHints(t *testing.T) {
	for _, c := range []struct {
		name   string
		a, b   wire.Version
		hA, hB []byte
		want   int
	}{
		{"a later version, whatever the hints", 14, 13, nil, hintTo(13, 1), 1},
		{"archived since", 13, 13, hintTo(13, 1), hintTo(12, 2), 1},
		{"archived for the first time", 13, 13, hintTo(13, 1), nil, 1},
		{"archived twice", 13, 13, hintTo(13, 1), hintTo(13, 2), 0},
		{"the same", 13, 13, hintTo(13, 1), hintTo(13, 1), 0},
		{"a hint to what is not there", 13, 13, hintTo(14, 1), hintTo(12, 2), -1},
		{"a hint that is none", 13, 13, []byte("nonsense"), hintTo(12, 2), -1},
		{"a hint to nothing", 13, 13, archive.NewHint(13, nil).Encode(), hintTo(12, 2), -1},
	} {
		if got := compareHeads(provesVersion(c.a), provesVersion(c.b), c.hA, c.hB); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		if got := compareHeads(provesVersion(c.b), provesVersion(c.a), c.hB, c.hA); got != -c.want {
			t.Errorf("%s, the other way: %d, want %d", c.name, got, -c.want)
		}
	}
}

// A gateway hears of a version from its ring, with the hint of the one before,
// and of its archive from the DHT; then a member that is behind tells the first
// again.
func TestAGatewayStaysWithTheHintThatLeadsFarthest(t *testing.T) {
	h := newHeads(func(wire.ObjectID) {})
	object := wire.ObjectID{1}
	for i, step := range []struct{ hint, want []byte }{
		{hintTo(12, 1), hintTo(12, 1)},
		{hintTo(13, 2), hintTo(13, 2)},
		{hintTo(12, 1), hintTo(13, 2)},
		{nil, hintTo(13, 2)},
		{hintTo(13, 3), hintTo(13, 3)}, // another member has archived it, and is there
	} {
		if got := h.learn(object, bft.Head{Hint: step.hint}, provesVersion(13)); !bytes.Equal(got.head.Hint, step.want) {
			t.Errorf("step %d: the hint leads to %v", i, got.export().Hint)
		}
	}
}
