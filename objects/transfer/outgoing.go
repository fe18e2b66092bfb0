package transfer

import (
	"context"
	"sync"

	"github.com/atollnet/atoll/objects/extent"
)

// outgoing is the extent on its way out. Senders take fragments from it, each
// at its own pace: of the newest stripes those that were made once for all, of
// older ones again from the block.
type outgoing struct {
	code   *extent.Code
	k      int
	window int // stripes whose fragments are kept
	burst  int // stripes that senders are woken for together

	mu        sync.Mutex
	grown     chan struct{} // closed and replaced after each burst, closed by finish
	sealed    [][]byte      // every block
	fragments [][][]byte    // by stripe; nil before the window
	manifest  *extent.Manifest
	encoded   []byte // the manifest
	finished  chan struct{}

	again againSplit
}

func newOutgoing(code *extent.Code, k, window int) *outgoing {
	return &outgoing{
		code: code, k: k, window: window, burst: max(1, window/2),
		grown: make(chan struct{}), finished: make(chan struct{}),
	}
}

// push appends a stripe.
func (o *outgoing) push(sealed []byte, fragments [][]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sealed = append(o.sealed, sealed)
	o.fragments = append(o.fragments, fragments)
	if old := len(o.fragments) - 1 - o.window; old >= 0 {
		o.fragments[old] = nil
	}
	if len(o.sealed)%o.burst == 0 {
		close(o.grown)
		o.grown = make(chan struct{})
	}
}

// finish says that no stripe will come.
func (o *outgoing) finish(m *extent.Manifest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.manifest, o.encoded = m, m.Encode()
	close(o.grown)
	close(o.finished)
}

// wait returns when no stripe will come any more.
func (o *outgoing) wait(ctx context.Context) error {
	select {
	case <-o.finished:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stripes returns how many there are so far.
func (o *outgoing) stripes() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.sealed)
}

// end returns the manifest once there is one.
func (o *outgoing) end() (m *extent.Manifest, encoded []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.manifest, o.encoded
}

// next returns a share's fragment of a stripe. If there is none yet, more is
// closed when that changes; if there will be none, more is nil too.
func (o *outgoing) next(stripe, share int) (fragment []byte, more <-chan struct{}, err error) {
	o.mu.Lock()
	switch {
	case stripe == len(o.sealed):
		if o.manifest == nil {
			more = o.grown
		}
		o.mu.Unlock()
		return nil, more, nil
	case o.fragments[stripe] != nil:
		fragment = o.fragments[stripe][share]
		o.mu.Unlock()
		return fragment, nil, nil
	}
	block := o.sealed[stripe]
	o.mu.Unlock()
	fragment, err = o.remake(block, stripe, share)
	return fragment, nil, err
}

// remake makes a fragment of an old stripe again.
func (o *outgoing) remake(block []byte, stripe, share int) ([]byte, error) {
	size := (len(block) + o.k - 1) / o.k
	if (share+1)*size <= len(block) {
		return block[share*size : (share+1)*size], nil
	}
	all, err := o.again.split(o.code, block, stripe)
	if err != nil {
		return nil, err
	}
	return all[share], nil
}

// againSplit keeps the stripe that was split again last: replacements that run
// beside each other want the same ones.
type againSplit struct {
	mu        sync.Mutex
	stripe    int
	fragments [][]byte
}

func (a *againSplit) split(code *extent.Code, block []byte, stripe int) ([][]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fragments != nil && a.stripe == stripe {
		return a.fragments, nil
	}
	fragments, err := code.Split(block)
	if err != nil {
		return nil, err
	}
	a.stripe, a.fragments = stripe, fragments
	return fragments, nil
}
