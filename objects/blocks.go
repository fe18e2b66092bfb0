package objects

import (
	"context"
	"fmt"
	"iter"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/update"
)

// wanted is a block to be read: its reference and the key that opens it.
type wanted struct {
	ref     update.BlockRef
	secrets *envelope.Secrets // of the file
}

// readAheadRuns is how many runs of stripes are fetched ahead of the one being
// read. It is what bounds the memory of a reader.
const readAheadRuns = 1

// runBlocksMax is the most blocks of a run.
const runBlocksMax = 32

// run is a sequence of wanted blocks that lie side by side in one extent and
// are fetched with one request to each holder; or one inline block.
type run struct {
	blocks []wanted
	data   chan fetched // one for each block, in order
}

type fetched struct {
	plain []byte
	err   error
}

// blocks yields the plaintext of each wanted block in order. Runs are fetched
// ahead of the consumer; fetching stops when the consumer does.
func (s *Snapshot) blocks(ctx context.Context, want iter.Seq2[wanted, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ahead := make(chan *run, readAheadRuns)
		go s.fetchRuns(ctx, want, ahead)
		for r := range ahead {
			for range r.blocks {
				f, open := <-r.data
				if !open {
					f.err = context.Cause(ctx)
				}
				if !yield(f.plain, f.err) || f.err != nil {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// fetchRuns starts fetching each run as soon as there is room for it.
func (s *Snapshot) fetchRuns(ctx context.Context, want iter.Seq2[wanted, error], ahead chan<- *run) {
	defer close(ahead)
	for blocks, err := range cutRuns(want) {
		r := &run{blocks: blocks, data: make(chan fetched, len(blocks))}
		select {
		case ahead <- r:
		case <-ctx.Done():
			return
		}
		if err != nil {
			r.data <- fetched{err: err}
			return
		}
		go s.fetch(ctx, r)
	}
}

// cutRuns cuts what is wanted into runs. The first has one block, and each may
// have twice as many as the one before: whoever waits for the first byte waits
// for one block, not for an extent, and whoever reads on makes few requests. An
// error comes with one block that cannot be had.
func cutRuns(want iter.Seq2[wanted, error]) iter.Seq2[[]wanted, error] {
	return func(yield func([]wanted, error) bool) {
		var blocks []wanted
		most := 1
		flush := func() bool {
			run := blocks
			blocks, most = nil, min(2*most, runBlocksMax)
			return yield(run, nil)
		}
		for w, err := range want {
			if err != nil {
				yield([]wanted{{}}, err)
				return
			}
			if n := len(blocks); n > 0 && !adjacent(blocks[n-1].ref, w.ref) && !flush() {
				return
			}
			if blocks = append(blocks, w); len(blocks) >= most && !flush() {
				return
			}
		}
		if len(blocks) > 0 {
			flush()
		}
	}
}

// adjacent reports whether b is the stripe after a's.
func adjacent(a, b update.BlockRef) bool {
	return !a.IsInline() && !b.IsInline() && a.Extent == b.Extent && a.Stripe+1 == b.Stripe
}

// fetch brings and opens the blocks of a run.
func (s *Snapshot) fetch(ctx context.Context, r *run) {
	defer close(r.data)
	first := r.blocks[0]
	if first.ref.IsInline() {
		plain, err := openInline(first)
		r.data <- fetched{plain, err}
		return
	}
	source, err := s.source(ctx, first.ref.Extent)
	if err == nil {
		from := int(first.ref.Stripe)
		err = s.g.Fetcher.Read(ctx, source, from, from+len(r.blocks), func(stripe int, sealed []byte) error {
			plain, err := open(r.blocks[stripe-from], sealed)
			if err == nil {
				r.data <- fetched{plain: plain}
			}
			return err
		})
	}
	if err != nil {
		r.data <- fetched{err: errs.Wrap("read extent", first.ref.Extent.String(), err)}
	}
}

func open(w wanted, sealed []byte) ([]byte, error) {
	key, err := w.secrets.OpenBlockKey(w.ref.Sealed)
	if err != nil {
		return nil, wrongKey(err)
	}
	plain, err := envelope.OpenBlock(nil, sealed, key)
	return w.checked(plain, err)
}

func openInline(w wanted) ([]byte, error) {
	plain, err := w.secrets.OpenInline(w.ref.Sealed)
	if err != nil {
		return nil, wrongKey(err)
	}
	return w.checked(plain, nil)
}

// wrongKey says that the key that the reader has, from a reference or from a
// directory, is not the file's.
func wrongKey(err error) error {
	return errs.Hint(errs.New("open block", "", errs.Refused, err), "the reference does not hold the key of this file: ask for a new one")
}

// checked refuses what does not open or is not as long as its reference says:
// what was stored and proved is no block of this file.
func (w wanted) checked(plain []byte, err error) ([]byte, error) {
	if err == nil && len(plain) != int(w.ref.Length) {
		err = fmt.Errorf("%d bytes, %d were announced", len(plain), w.ref.Length)
	}
	if err != nil {
		return nil, errs.New("open block", "", errs.Damaged, err)
	}
	return plain, nil
}

// source tells who took the shares of an extent of this volume. An extent that
// the state does not list can still be found through provider records.
func (s *Snapshot) source(ctx context.Context, id wire.ExtentID) (transfer.Source, error) {
	source := transfer.Source{Extent: id}
	x, _, err := update.ReadExtent(ctx, s.state, id)
	if err != nil {
		return source, err
	}
	for _, r := range x.Receipts {
		source.Holders = append(source.Holders, transfer.Holding{Peer: r.Holder, Share: int(r.Share)})
	}
	return source, nil
}
