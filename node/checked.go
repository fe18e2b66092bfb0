package node

import (
	"sync"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// checkedBytesMax is the most bytes of updates that are kept parsed, with what
// was found out about their signatures; parsed, they take a few times as much.
const checkedBytesMax = 8 << 20

// checked keeps the updates that were looked at when they came until they are
// executed, so that no signature is checked twice. It is bounded by bytes, since
// updates differ by a factor of a thousand. Who fills it makes others check again,
// no more.
type checked struct {
	mu    sync.Mutex
	young map[wire.Hash]*update.Signed
	old   map[wire.Hash]*update.Signed // dropped when young is full
	bytes int                          // of young
}

func newChecked() *checked { return &checked{young: make(map[wire.Hash]*update.Signed)} }

// put keeps an update that has been verified: nobody changes it any more.
func (c *checked) put(b []byte, u *update.Signed) {
	id := bft.RequestID(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young[id] != nil {
		return
	}
	if c.bytes+len(b) > checkedBytesMax/2 {
		c.old, c.young, c.bytes = c.young, make(map[wire.Hash]*update.Signed), 0
	}
	c.young[id] = u
	c.bytes += len(b)
}

// find returns an update that was put, or nil.
func (c *checked) find(b []byte) *update.Signed {
	id := bft.RequestID(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if u := c.young[id]; u != nil {
		return u
	}
	return c.old[id]
}
