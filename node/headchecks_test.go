package node

import (
	"bytes"
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// headOf makes the head of a new object, of a ring of one.
func headOf(t *testing.T, salt byte) (wire.ObjectID, []byte) {
	t.Helper()
	owner, peer := wire.NewKey([32]byte{1}), wire.NewKey([32]byte{2})
	member := bft.Member{Peer: wire.PeerID(peer.Public()), Key: wire.NewKey([32]byte{3}).Public()}
	body := bft.NewGenesisBody(owner.Public(), "test", [16]byte{salt}, nil, []bft.Member{member})
	g := bft.NewGenesis(owner, body, []wire.Signature{bft.Accept(peer, body.ObjectID())})
	value, err := bft.NewHead(g, nil).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return body.ObjectID(), value
}

func TestTheSignaturesOfAHeadAreCheckedOnce(t *testing.T) {
	c := newHeadChecks()
	rule := headRule{c}
	object, value := headOf(t, 1)
	for range 3 { // as when a record is stored
		if err := rule.Check(object, value); err != nil {
			t.Fatal(err)
		}
		if rule.Newer(object, value, bytes.Clone(value)) {
			t.Fatal("a head is newer than itself")
		}
		if _, v, err := c.open(object, value); err != nil || v.Ring.Object != object {
			t.Fatal(v.Ring.Object, err)
		}
	}
	if n := c.checked.Load(); n != 1 {
		t.Errorf("one record was checked %d times", n)
	}
}

func TestABadHeadIsNeverRemembered(t *testing.T) {
	c := newHeadChecks()
	object, value := headOf(t, 1)
	bad := bytes.Clone(value)
	bad[len(bad)-20] ^= 1
	other := object
	other[0] ^= 1
	for range 2 {
		if _, err := c.verify(object, bad); err == nil {
			t.Error("a damaged record was taken")
		}
		if _, err := c.verify(object, value); err != nil {
			t.Error(err)
		}
		if _, _, err := c.open(other, value); err == nil {
			t.Error("a record was taken for another object's")
		}
	}
	if n := c.good.Len(); n != 1 {
		t.Errorf("%d records are remembered as good", n)
	}
}

func TestHeadChecksAreBounded(t *testing.T) {
	c := newHeadChecks()
	object, value := headOf(t, 1)
	v, err := c.verify(object, value)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * headChecksMax {
		c.good.Add(headName{object: wire.ObjectID{byte(i), byte(i >> 8)}}, v)
	}
	if n := c.good.Len(); n != headChecksMax {
		t.Errorf("%d records are remembered, limit %d", n, headChecksMax)
	}
}
