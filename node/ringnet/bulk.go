package ringnet

import (
	"context"
	"sync"

	"github.com/atollnet/atoll/internal/wire"
)

// Limits of large answers. Each lies in memory, up to AnswerBytesMax bytes, until
// the one who asked has read it.
const (
	// BulkPerPeerMax is how many large answers to one peer are under way, so that
	// one who asks and does not read takes little from the others.
	BulkPerPeerMax = 4
	// BulkMax is the same for all peers.
	BulkMax = 64
)

// large are the kinds of questions with large answers.
var large = map[Kind]bool{KindNodes: true, KindVersions: true, KindEvidence: true}

// bulk has those who ask for much wait for their turn. It holds an entry for
// each peer with such a question under way, at most StreamsMax.
type bulk struct {
	all chan struct{}

	mu    sync.Mutex
	peers map[wire.PeerID]*turns
}

type turns struct {
	slots chan struct{}
	users int
}

func newBulk() *bulk {
	return &bulk{all: make(chan struct{}, BulkMax), peers: make(map[wire.PeerID]*turns)}
}

// enter waits until an answer may be made; leave is called when it has been
// read. The error is the context's.
func (b *bulk) enter(ctx context.Context, peer wire.PeerID, k Kind) (leave func(), err error) {
	if !large[k] {
		return func() {}, nil
	}
	own := b.join(peer)
	for i, slots := range []chan struct{}{own.slots, b.all} {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			if i > 0 {
				<-own.slots
			}
			b.quit(peer, own)
			return nil, context.Cause(ctx)
		}
	}
	return func() {
		<-b.all
		<-own.slots
		b.quit(peer, own)
	}, nil
}

func (b *bulk) join(peer wire.PeerID) *turns {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.peers[peer]
	if t == nil {
		t = &turns{slots: make(chan struct{}, BulkPerPeerMax)}
		b.peers[peer] = t
	}
	t.users++
	return t
}

func (b *bulk) quit(peer wire.PeerID, t *turns) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.users--; t.users == 0 {
		delete(b.peers, peer)
	}
}
