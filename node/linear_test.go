package node

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet/history"
)

const (
	linearOps    = 40 // of each client
	linearOpTime = time.Minute
)

// TestWhatClientsSawIsOneOrder: whatever clients do with files at once, each
// through a gateway of his own, while a member of the ring, its leader, dies and
// comes back, is what they would have seen one after another.
func TestWhatClientsSawIsOneOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := newCluster(t, 7)
	object, ref := c.init(0, 4)
	c.writers(ref)
	leader := c.members(0, object)[0]
	var clients []*fileClient
	for peer := range c.nodes {
		if peer != leader {
			clients = append(clients, &fileClient{c: c, peer: peer, random: rand.New(rand.NewPCG(seed, uint64(peer)))})
		}
	}
	began := time.Now()
	half := make(chan struct{}, len(clients)) // has a token of each client that is half way
	var all sync.WaitGroup
	for _, client := range clients {
		all.Go(func() { client.run(t.Context(), began, half) })
	}
	<-half
	c.stop(leader)
	<-half
	c.start(leader)
	all.Wait()

	var saw []history.FileOp
	results := make(map[history.FileResult]int)
	for _, client := range clients {
		saw = append(saw, client.saw...)
	}
	for _, op := range saw {
		results[op.Result]++
	}
	if results[history.Done] < len(saw)/2 || results[history.Unheard] > 0 {
		t.Errorf("of %d operations so many ended in each way: %v", len(saw), results)
	}
	if err := history.FilesLinearizable(saw, time.Minute); err != nil {
		t.Error(err)
	}
}

// fileClient does what comes into his head with a few files.
type fileClient struct {
	c      *cluster
	peer   int
	random *rand.Rand
	saw    []history.FileOp
}

func (f *fileClient) run(ctx context.Context, began time.Time, half chan<- struct{}) {
	seen := make(map[string]uint64) // the version of each file that he has read
	for i := range linearOps {
		if i == linearOps/2 {
			half <- struct{}{}
		}
		op := history.FileOp{File: fmt.Sprint("file", f.random.IntN(2)), Text: fmt.Sprintf("%d.%d ", f.peer, i)}
		op.Kind = history.FileKind(1 + f.random.IntN(int(history.AppendText)))
		if op.Kind == history.PutIfVersion {
			if op.If = seen[op.File]; op.If == 0 {
				op.Kind = history.Read
			}
		}
		op.Began = int64(time.Since(began))
		err := f.do(ctx, &op)
		op.Ended = int64(time.Since(began))
		op.Result = resultOf(op.Kind, err)
		if op.Result == history.Unheard {
			f.c.t.Logf("client %d: %v", f.peer, err)
		}
		if op.Kind == history.Read && op.Result == history.Done {
			seen[op.File] = op.Version
		}
		f.saw = append(f.saw, op)
	}
}

func resultOf(kind history.FileKind, err error) history.FileResult {
	switch {
	case err == nil:
		return history.Done
	case kind == history.Read && kindOf(err) == errs.NotFound, kind != history.Read && kindOf(err) == errs.Conflict:
		return history.Refused
	}
	return history.Unheard
}

// do does an operation and notes what it was told.
func (f *fileClient) do(ctx context.Context, op *history.FileOp) error {
	ctx, cancel := context.WithTimeout(ctx, linearOpTime)
	defer cancel()
	user, ref := f.c.user(f.peer), ours(f.peer, op.File)
	var r api.PutResult
	var err error
	switch op.Kind {
	case history.Read:
		return f.read(ctx, ref, op)
	case history.AppendText:
		r, err = user.Append(ctx, api.AppendRequest{Ref: ref, Mode: 0o644}, strings.NewReader(op.Text))
	default:
		q := api.PutRequest{Dest: ref, Mode: 0o644, Until: api.Ordered, IfAbsent: op.Kind == history.PutIfAbsent}
		if op.Kind == history.PutIfVersion {
			q.IfVersion = &op.If
		}
		r, err = user.Put(ctx, q, strings.NewReader(op.Text))
	}
	op.Version = r.Version
	return err
}

func (f *fileClient) read(ctx context.Context, ref string, op *history.FileOp) error {
	e, body, err := f.c.user(f.peer).Open(ctx, api.ReadRequest{Ref: ref, Consistency: api.Latest})
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	op.Text, op.Version = string(text), e.Version
	return err
}
