package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// files is a user who stores files again and again, and reads them.
type files struct {
	api    *client.Client
	seed   uint64
	random *rand.Rand
	ref    string // of the volume, for others

	mu    sync.Mutex // guards what follows
	acked [filesMax]int
	tried [filesMax]int // the last that was begun
	puts  int           // acknowledged
	gets  int
}

const (
	filesMax  = 6
	fileBytes = 100_000 // at the most
	// putMax is how long a put may take before the user asks again; what became
	// of it he does not know then.
	putMax = 40 * time.Second
	// readMax is the same for a read.
	readMax = 20 * time.Second
)

func newFiles(ctx context.Context, socket string, seed uint64, members int) (*files, error) {
	f := &files{api: client.New(socket, 0), seed: seed, random: rand.New(rand.NewPCG(seed, 9))}
	v, err := f.api.Init(ctx, api.InitRequest{Petname: "chaos", Ring: members})
	f.ref = v.Reference
	return f, err
}

func (f *files) close() { f.api.Close() }

// run stores and reads until the context ends. Failures are what is expected;
// wrong content is the error.
func (f *files) run(ctx context.Context) error {
	for ctx.Err() == nil {
		name := f.random.IntN(filesMax)
		if f.random.IntN(3) > 0 {
			f.put(ctx, name)
		} else if err := f.get(ctx, f.api, "chaos:", name); wrong(err) {
			return err
		}
	}
	return nil
}

// wrong reports whether an error is about content.
func wrong(err error) bool { return errs.KindOf(err) == errs.Damaged }

// content is the nth content of a file.
func (f *files) content(name, n int) []byte {
	random := rand.New(rand.NewPCG(f.seed, uint64(name)<<32|uint64(n)))
	b := make([]byte, 1+random.IntN(fileBytes))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return fmt.Appendf(b, "\nfile %d, content %d", name, n)
}

func path(volume string, name int) string { return fmt.Sprintf("%s/file-%d", volume, name) }

func (f *files) put(ctx context.Context, name int) {
	ctx, cancel := context.WithTimeout(ctx, putMax)
	defer cancel()
	f.mu.Lock()
	f.tried[name]++
	n := f.tried[name]
	f.mu.Unlock()
	_, err := f.api.Put(ctx, api.PutRequest{Dest: path("chaos:", name), Mode: 0o644, ModTime: time.Now(), Until: api.Ordered}, bytes.NewReader(f.content(name, n)))
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acked[name], f.puts = n, f.puts+1
}

// get reads a file through a peer. An error of kind Damaged says that it is not
// what it can be: the content last acknowledged, or one that was begun since.
func (f *files) get(ctx context.Context, c *client.Client, volume string, name int) error {
	ctx, cancel := context.WithTimeout(ctx, readMax)
	defer cancel()
	f.mu.Lock()
	from, to := f.acked[name], f.tried[name]
	f.mu.Unlock()
	_, body, err := c.Open(ctx, api.ReadRequest{Ref: path(volume, name)})
	if errs.KindOf(err) == errs.NotFound && from == 0 {
		return nil
	}
	if errs.KindOf(err) == errs.NotFound {
		return errs.Newf("read", path(volume, name), errs.Damaged, "content %d was acknowledged, and there is none", from)
	}
	if err != nil {
		return err
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	for n := to; n >= max(from, 1); n-- {
		if bytes.Equal(got, f.content(name, n)) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.gets++
			return nil
		}
	}
	return errs.Newf("read", path(volume, name), errs.Damaged, "%d bytes that are none of the contents %d to %d", len(got), from, to)
}

func (f *files) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.puts
}

// members returns the peers of the volume's ring.
func (f *files) members(ctx context.Context) (peers []wire.PeerID, err error) {
	ring, err := f.api.Ring(ctx, api.RingRequest{Ref: "chaos:"})
	if err != nil {
		return nil, err
	}
	for _, m := range ring.Members {
		p, err := wire.ParsePeerID(m.Peer)
		if err != nil {
			return nil, err
		}
		peers = append(peers, p)
	}
	return peers, nil
}
