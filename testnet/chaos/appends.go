package chaos

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/testnet/history"
	"github.com/atollnet/atoll/testnet/ringuser"
	"golang.org/x/sync/errgroup"
)

// appends is what the clients of the log have done.
type appends struct {
	object  *ringuser.Object
	authors []*ringuser.Author
	began   time.Time

	mu      sync.Mutex // guards what follows
	all     []history.Append
	updates []wire.Hash // of each: the name of the signed update
	longest time.Duration
	last    time.Time // when something was acknowledged
	acked   []int     // by client
}

// entryBytes is the size of what is appended.
const entryBytes = 100

// appendsMax bounds a trial: what is judged, and kept in memory.
const appendsMax = 1 << 17

func newAppends(o *ringuser.Object, authors []*ringuser.Author) *appends {
	return &appends{object: o, authors: authors, acked: make([]int, len(authors))}
}

// run lets every client append, one entry after another, until the context ends.
// A fork is the one error that ends it before.
func (a *appends) run(g *errgroup.Group, ctx context.Context) {
	a.last = time.Now()
	for i, author := range a.authors {
		g.Go(func() error {
			for ctx.Err() == nil {
				if err := a.one(ctx, i, author); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// one appends an entry. The client waits for it however long it takes; when the
// trial ends first, nobody knows.
func (a *appends) one(ctx context.Context, client int, author *ringuser.Author) error {
	block := make([]byte, entryBytes)
	rand.Read(block)
	signed := author.Sign(ringuser.Append(wire.NodeID{'l', 'o', 'g'}, block))
	at, full := a.begin(client, signed)
	if full {
		<-ctx.Done()
		return nil
	}
	got, err := a.object.Submit(ctx, signed)
	if errors.Is(err, ringuser.ErrFork) {
		return err
	}
	if err == nil {
		if err := got.Outcome.Err(); err != nil {
			return err // it had every right
		}
		a.acknowledged(at, client)
	}
	return nil
}

func (a *appends) begin(client int, signed []byte) (at int, full bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.all) >= appendsMax {
		return 0, true
	}
	a.all = append(a.all, history.Append{Client: client, Began: a.now(), Place: history.Unknown})
	a.updates = append(a.updates, bft.RequestID(signed))
	return len(a.all) - 1, false
}

func (a *appends) acknowledged(at, client int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all[at].Ended, a.all[at].Acknowledged = a.now(), true
	now := time.Now()
	a.longest, a.last = max(a.longest, now.Sub(a.last)), now
	a.acked[client]++
}

func (a *appends) now() int64 { return int64(time.Since(a.began)) }

// counts returns how many entries of each client were acknowledged.
func (a *appends) counts() []int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]int(nil), a.acked...)
}
