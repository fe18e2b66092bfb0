package ringbench

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/testnet/ringuser"
	"golang.org/x/sync/errgroup"
)

const (
	clients     = 64
	largeBytes  = 4096
	smallBytes  = 256
	fileBytes   = 2 << 20
	filesPut    = 15
	warmupPuts  = 3
	warmUpdates = 20
	warmTime    = time.Second // of authors, before anything is counted
)

// blockOf returns random bytes: what is sealed looks like this.
func blockOf(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func fileID() (id wire.NodeID) {
	rand.Read(id[:])
	return id
}

// oneClient measures one author who sends the next update when the last one is
// ordered.
func oneClient(ctx context.Context, b *bench) ([]figure, error) {
	object, err := b.found(ctx)
	if err != nil {
		return nil, err
	}
	authors, err := object.Authors(ctx, 1)
	if err != nil {
		return nil, err
	}
	if _, err := inSequence(ctx, authors[0], warmUpdates, 0); err != nil {
		return nil, err
	}
	took, err := inSequence(ctx, authors[0], 0, b.For)
	if err != nil {
		return nil, err
	}
	took = sorted(took)
	target, tail := 3*time.Millisecond, 12*time.Millisecond
	if b.Members > 4 {
		target, tail = 0, 0
	}
	return []figure{
		atMost("median", quantile(took, 0.5), target),
		atMost("99th percentile", quantile(took, 0.99), tail),
		atLeast("measured", float64(len(took)), 0, " updates"),
	}, nil
}

// inSequence has so many updates ordered, or as many as fit into a time.
func inSequence(ctx context.Context, a *ringuser.Author, count int, during time.Duration) (took []time.Duration, err error) {
	file := fileID()
	for end := time.Now().Add(during); len(took) < count || time.Now().Before(end); {
		block, began := blockOf(largeBytes), time.Now()
		if _, err := a.Do(ctx, ringuser.Append(file, block)); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// oneFile measures a user of a peer that is no member: encryption, placing
// fragments at the other peers, and ordering.
func oneFile(ctx context.Context, b *bench) ([]figure, error) {
	c := client.New(b.peers[b.Members].API, 0)
	defer c.Close()
	if _, err := c.Init(ctx, api.InitRequest{Petname: "bench", Ring: b.Members}); err != nil {
		return nil, err
	}
	var took []time.Duration
	for i := range warmupPuts + filesPut {
		content := blockOf(fileBytes)
		began := time.Now()
		if _, err := c.Put(ctx, api.PutRequest{Dest: "bench:/file", Mode: 0o644, ModTime: began, Until: api.Ordered}, bytes.NewReader(content)); err != nil {
			return nil, err
		}
		if i >= warmupPuts {
			took = append(took, time.Since(began))
		}
	}
	took = sorted(took)
	target := 60 * time.Millisecond
	if b.Members > 4 {
		target = 0
	}
	return []figure{atMost("median", quantile(took, 0.5), target), atMost("longest", took[len(took)-1], 0)}, nil
}

// manyAuthors measures how much one object takes.
func manyAuthors(ctx context.Context, b *bench) ([]figure, error) {
	object, authors, err := b.crowd(ctx)
	if err != nil {
		return nil, err
	}
	rate, versions, err := crowdRate(ctx, object, authors, b.For)
	if err != nil {
		return nil, err
	}
	target := map[int]float64{4: 5000, 7: 2000}[b.Members]
	return []figure{atLeast("ordered", rate, target, "/s"), atLeast("versions", versions, 0, "/s")}, nil
}

// crowd makes an object with many authors who have written already.
func (b *bench) crowd(ctx context.Context) (*ringuser.Object, []*ringuser.Author, error) {
	object, err := b.found(ctx)
	if err != nil {
		return nil, nil, err
	}
	authors, err := object.Authors(ctx, clients)
	if err != nil {
		return nil, nil, err
	}
	_, _, err = crowdRate(ctx, object, authors, min(warmTime, b.For))
	return object, authors, err
}

// crowdRate returns how many updates, and in how many versions, a second orders
// when each author always has one under way.
func crowdRate(ctx context.Context, object *ringuser.Object, authors []*ringuser.Author, during time.Duration) (updates, versions float64, err error) {
	var done atomic.Int64
	before, began := object.Newest(), time.Now()
	end := began.Add(during)
	group, ctx := errgroup.WithContext(ctx)
	for _, a := range authors {
		group.Go(func() error {
			for file := fileID(); time.Now().Before(end); done.Add(1) {
				if _, err := a.Do(ctx, ringuser.Append(file, blockOf(smallBytes))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = group.Wait()
	seconds := time.Since(began).Seconds()
	return float64(done.Load()) / seconds, float64(object.Newest()-before) / seconds, err
}

// manyObjects measures commits of many rings on the same peers, each of one
// update.
func manyObjects(ctx context.Context, b *bench) ([]figure, error) {
	objects, err := b.foundMany(ctx, b.Objects)
	if err != nil {
		return nil, err
	}
	var next, done atomic.Int64
	began := time.Now()
	end := began.Add(b.For)
	group, ctx := errgroup.WithContext(ctx)
	for range clients {
		group.Go(func() error {
			for file := fileID(); time.Now().Before(end); done.Add(1) {
				o := objects[int(next.Add(1))%len(objects)]
				if _, err := o.Owner.Do(ctx, ringuser.Append(file, blockOf(smallBytes))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	target := 800.0
	if b.Members > 4 {
		target = 0
	}
	return []figure{
		atLeast("commits", float64(done.Load())/time.Since(began).Seconds(), target, "/s"),
		atLeast("objects", float64(len(objects)), 0, ""),
	}, nil
}

// foundAtOnce is how many objects are founded at a time: half the keys that a
// member keeps for one peer.
const foundAtOnce = 32

func (b *bench) foundMany(ctx context.Context, n int) ([]*ringuser.Object, error) {
	objects := make([]*ringuser.Object, n)
	var founded atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(foundAtOnce)
	for i := range objects {
		group.Go(func() (err error) {
			objects[i], err = b.found(ctx)
			if at := founded.Add(1); at%100 == 0 {
				b.Line.Show(progressText(int(at), n))
			}
			return err
		})
	}
	return objects, group.Wait()
}
