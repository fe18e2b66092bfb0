package node

import (
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// headChecksMax is of how many head records it is remembered what they prove, at
// two kilobytes each with the ring's members.
const headChecksMax = 1024

// headChecks remembers what head records prove. A peer that stores one in the
// DHT compares it with the one before, and again with the floor; a reader gets
// the same record from each member of a ring: without a memory all their
// signatures would be checked each time, ten to twenty of them.
type headChecks struct {
	good    *lru.Cache[headName, bft.Verified] // only what was found good: what is bad is cheap to make
	checked atomic.Uint64                      // records whose signatures were checked
}

// headName names a record by its bytes, hint included.
type headName struct {
	object wire.ObjectID
	sum    wire.Hash
}

func newHeadChecks() *headChecks {
	good, err := lru.New[headName, bft.Verified](headChecksMax)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &headChecks{good: good}
}

// verify is verifyHead for those who need not know what the record holds beside
// what it proves.
func (c *headChecks) verify(object wire.ObjectID, value []byte) (bft.Verified, error) {
	name := headName{object, wire.Sum(value)}
	if v, known := c.good.Get(name); known {
		return v, nil
	}
	c.checked.Add(1)
	_, v, err := verifyHead(object, value)
	if err == nil {
		c.good.Add(name, v)
	}
	return v, err
}

// open is verifyHead.
func (c *headChecks) open(object wire.ObjectID, value []byte) (head bft.Head, v bft.Verified, err error) {
	if v, err = c.verify(object, value); err != nil {
		return head, v, err
	}
	head, err = bft.ParseHead(value)
	return head, v, err
}

// headRule judges the head records of the DHT.
type headRule struct{ checks *headChecks }

// Check implements dht.HeadRule.
func (r headRule) Check(object wire.ObjectID, value []byte) error {
	_, err := r.checks.verify(object, value)
	return err
}

// Newer implements dht.HeadRule.
func (r headRule) Newer(object wire.ObjectID, a, b []byte) bool {
	x, errX := r.checks.verify(object, a)
	y, errY := r.checks.verify(object, b)
	if errX != nil || errY != nil {
		return errX == nil
	}
	return compareHeads(x, y, hintOf(a), hintOf(b)) > 0
}

// hintOf returns the hint of a record that has been verified.
func hintOf(value []byte) []byte {
	head, err := bft.ParseHead(value)
	if err != nil {
		return nil
	}
	return head.Hint
}
