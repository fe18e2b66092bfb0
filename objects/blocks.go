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

// Limits of a run: of the blocks that are fetched, and of all, with the inline
// ones among them.
const (
	runStoredMax = 32
	runBlocksMax = 256
)

// run is a sequence of wanted blocks that are fetched with one request to each
// holder: they lie side by side in one extent, but for inline ones among them,
// which are at hand.
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
		r := &run{blocks: blocks, data: make(chan fetched, len(blocks)+1)} // and an error
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
		var r growing
		most := 1
		flush := func() bool {
			blocks := r.blocks
			r, most = growing{}, min(2*most, runStoredMax)
			return yield(blocks, nil)
		}
		for w, err := range want {
			if err != nil {
				yield([]wanted{{}}, err)
				return
			}
			if !r.takes(w.ref) && !flush() {
				return
			}
			if r.add(w); r.stored >= most || len(r.blocks) >= runBlocksMax {
				if !flush() {
					return
				}
			}
		}
		if len(r.blocks) > 0 {
			flush()
		}
	}
}

// growing is a run that is being gathered.
type growing struct {
	blocks []wanted
	stored int             // how many are not inline
	last   update.BlockRef // of those
}

// takes reports whether a block can be fetched together with those before.
func (r *growing) takes(b update.BlockRef) bool {
	return b.IsInline() || r.stored == 0 || r.last.Extent == b.Extent && r.last.Stripe+1 == b.Stripe
}

func (r *growing) add(w wanted) {
	r.blocks = append(r.blocks, w)
	if !w.ref.IsInline() {
		r.stored++
		r.last = w.ref
	}
}

// fetch brings and opens the blocks of a run.
func (s *Snapshot) fetch(ctx context.Context, r *run) {
	defer close(r.data)
	left, err := r.giveInline(r.blocks)
	if err == nil && len(left) > 0 {
		err = s.fetchStored(ctx, r, left)
	}
	if err != nil {
		r.data <- fetched{err: err}
	}
}

// giveInline gives the inline blocks that come next, and returns those after.
func (r *run) giveInline(blocks []wanted) (left []wanted, err error) {
	for len(blocks) > 0 && blocks[0].ref.IsInline() {
		plain, err := openInline(blocks[0])
		if err != nil {
			return nil, err
		}
		r.data <- fetched{plain: plain}
		blocks = blocks[1:]
	}
	return blocks, nil
}

// fetchStored gives the blocks of a run from the first that is not inline on.
func (s *Snapshot) fetchStored(ctx context.Context, r *run, left []wanted) error {
	extent, from := left[0].ref.Extent, int(left[0].ref.Stripe)
	to := from
	for _, w := range left {
		if !w.ref.IsInline() {
			to = int(w.ref.Stripe) + 1
		}
	}
	source, err := s.source(ctx, extent)
	if err == nil {
		err = s.g.Fetcher.Read(ctx, source, from, to, func(_ int, sealed []byte) error {
			plain, err := open(left[0], sealed)
			if err != nil {
				return err
			}
			r.data <- fetched{plain: plain}
			left, err = r.giveInline(left[1:])
			return err
		})
	}
	return errs.Wrap("read extent", extent.String(), err)
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
