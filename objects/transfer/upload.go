package transfer

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// UploadConfig says what is stored where. Fields that are zero take their
// defaults where one is named.
type UploadConfig struct {
	Object wire.ObjectID
	Author wire.Signer // signs for every share
	K, N   int
	// Enough is how many shares must be stored for Close to succeed; K by
	// default.
	Enough int
	// Holders names a holder for each of the N shares. The zero peer leaves a
	// share out; a peer may take several.
	Holders []wire.PeerID
	// Spare names another holder in place of one that failed. It is called by
	// one goroutine at a time; nil means that there is none.
	Spare        func() (wire.PeerID, bool)
	LeaseSeconds uint64
	// Linger is how long Close waits for the last shares once enough are
	// stored.
	Linger time.Duration
	// Failed, if not nil, is told of every attempt at a holder that failed, in
	// any goroutine.
	Failed func(holder wire.PeerID, err error)

	// StripesInFlight is how far the slowest holder may be behind before Add
	// waits for it; half as many go out together, as each piece that arrives
	// wakes a peer. With the extent's blocks, which are all kept, the parity of
	// so many stripes is the memory of an upload.
	StripesInFlight  int
	StreamsPerHolder int // further shares for one holder wait for earlier ones
	// Patience is how long Add waits for a holder that is behind. After that
	// the others go on, and it catches up alone.
	Patience       time.Duration
	OpenTimeout    time.Duration // for a stream to a holder
	StallTimeout   time.Duration // without progress, after which a holder is replaced
	ReceiptTimeout time.Duration // from the last byte of a share to its receipt
	// IdleAfter is how long a stream may wait for the next block. Then it is
	// ended, and the share is sent again, at once, when the extent is closed.
	IdleAfter time.Duration
	// HedgeMin is the least time after Close when shares that are much later
	// than half of the others are sent to a spare as well.
	HedgeMin time.Duration
	// LeaseSecondsMin is the shortest lease that counts as stored.
	LeaseSecondsMin uint64
}

func (c *UploadConfig) defaults() {
	setDefault(&c.Enough, c.K)
	setDefault(&c.Linger, uploadLinger)
	setDefault(&c.StripesInFlight, uploadStripesInFlight)
	setDefault(&c.StreamsPerHolder, uploadStreamsPerHolder)
	setDefault(&c.Patience, uploadPatience)
	setDefault(&c.OpenTimeout, uploadOpenTimeout)
	setDefault(&c.StallTimeout, uploadStallTimeout)
	setDefault(&c.ReceiptTimeout, uploadReceiptTimeout)
	setDefault(&c.IdleAfter, uploadIdleAfter)
	setDefault(&c.HedgeMin, uploadHedgeMin)
	setDefault(&c.LeaseSecondsMin, min(uploadLeaseSecondsMin, c.LeaseSeconds))
}

// check refuses a configuration that makes no sense.
func (c *UploadConfig) check() error {
	if len(c.Holders) != c.N || c.Enough < c.K || c.Enough > c.N || c.LeaseSeconds == 0 {
		return fmt.Errorf("%w: %d holders for n=%d, k=%d, enough %d, lease %d s",
			ErrInput, len(c.Holders), c.N, c.K, c.Enough, c.LeaseSeconds)
	}
	return nil
}

// Stored is what came of an upload.
type Stored struct {
	Manifest *extent.Manifest
	Receipts []extent.SignedReceipt // verified, one for each share stored, ascending
	Missing  []int                  // shares that had a holder named and were not stored
}

// Upload writes one extent to its holders, all shares at once. Add and Close
// are for one goroutine; Abort is for any.
//
// Each share has a goroutine that feeds its holder at the holder's pace. A
// holder that falls behind or fails does not hold up the others: it, or a
// spare in its place, is fed from the blocks of the extent, all of which are
// kept until the end.
type Upload struct {
	cfg     UploadConfig
	network Network
	builder *extent.Builder // Add's
	out     *outgoing
	tally   *tally
	slots   slots

	ctx     context.Context // ends with the upload
	cancel  context.CancelCauseFunc
	running sync.WaitGroup // a carrier for each share

	spareMu sync.Mutex // held while Spare is called
}

// NewUpload opens streams to all holders and returns at once. The upload ends
// with ctx, Close or Abort. Errors: ErrInput, extent.ErrInput.
func NewUpload(ctx context.Context, network Network, c UploadConfig) (*Upload, error) {
	c.defaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	builder, err := extent.NewBuilder(c.K, c.N)
	if err != nil {
		return nil, err
	}
	builder.HashWith(min(runtime.GOMAXPROCS(0), hashPartsMax), inParallel)
	code, err := extent.NewCode(c.K, c.N)
	if err != nil {
		return nil, err
	}
	u := &Upload{
		cfg: c, network: network, builder: builder,
		out:   newOutgoing(code, c.K, c.StripesInFlight),
		tally: newTally(c.Holders, c.Enough),
		slots: newSlots(c.StreamsPerHolder),
	}
	u.ctx, u.cancel = context.WithCancelCause(ctx)
	for share, holder := range c.Holders {
		if !holder.IsZero() {
			u.running.Go(func() { u.carry(share, holder) })
		}
	}
	return u, nil
}

// hashPartsMax bounds the goroutines that hash the shares of one block.
const hashPartsMax = 4

func inParallel(parts int, do func(part int)) {
	var all sync.WaitGroup
	for i := 1; i < parts; i++ {
		all.Go(func() { do(i) })
	}
	do(0)
	all.Wait()
}

// Add appends a sealed block, which must not be changed before the upload has
// ended, and returns its stripe. It waits while holders are behind. Errors:
// extent.ErrFull, extent.ErrInput, of kind TooFew when no more than too few
// holders are left, ErrClosed, and the context's.
func (u *Upload) Add(sealed []byte) (stripe int, err error) {
	if err := u.room(); err != nil {
		return 0, err
	}
	stripe, fragments, err := u.builder.Add(sealed)
	if err != nil {
		return 0, err
	}
	u.out.push(sealed, fragments)
	return stripe, nil
}

// Full reports whether the extent has all its stripes.
func (u *Upload) Full() bool { return u.builder.Full() }

// room returns when the holders that are in time have room for a stripe.
func (u *Upload) room() error {
	needed := u.out.stripes() - u.cfg.StripesInFlight + 1
	var patience <-chan time.Time
	expired := false
	for {
		if err := u.failure(); err != nil {
			return err
		}
		if u.tally.pass(needed, expired) {
			return nil
		}
		if patience == nil && !expired {
			patience = time.After(u.cfg.Patience)
		}
		select {
		case <-u.tally.moved:
		case <-patience:
			patience, expired = nil, true
		case <-u.ctx.Done():
		}
	}
}

// failure returns why the upload cannot succeed any more, if so.
func (u *Upload) failure() error {
	if u.ctx.Err() != nil {
		return u.over()
	}
	return u.tally.failure()
}

// over says why the upload has ended.
func (u *Upload) over() error { return errs.Wrap("send shares", "", context.Cause(u.ctx)) }

// Close ends the extent and returns when all its shares are stored; or Linger
// after enough are; or when enough cannot be. It ends the upload in any case.
// The error is of kind TooFew, or Full if only space was lacking, when fewer
// than Enough shares are stored.
func (u *Upload) Close(ctx context.Context) (Stored, error) {
	defer u.Abort()
	if u.out.stripes() == 0 {
		return Stored{}, fmt.Errorf("%w: an extent of no blocks", ErrInput)
	}
	if u.ctx.Err() != nil {
		return Stored{}, u.over()
	}
	m := u.builder.Manifest()
	u.tally.close(u.cfg.HedgeMin)
	u.out.finish(m)
	if err := u.settle(ctx); err != nil {
		return Stored{}, err
	}
	u.Abort()
	if err := u.tally.failure(); err != nil {
		return Stored{}, err
	}
	receipts, missing := u.tally.result()
	return Stored{Manifest: m, Receipts: receipts, Missing: missing}, nil
}

// settle waits as Close says.
func (u *Upload) settle(ctx context.Context) error {
	var linger <-chan time.Time
	for {
		stored, open := u.tally.count()
		if open == 0 || stored+open < u.cfg.Enough {
			return nil
		}
		if stored >= u.cfg.Enough && linger == nil {
			linger = time.After(u.cfg.Linger)
		}
		select {
		case <-u.tally.moved:
		case <-linger:
			return nil
		case <-ctx.Done():
			return errs.Wrap("send shares", "", context.Cause(ctx))
		case <-u.ctx.Done():
			return u.over()
		}
	}
}

// Abort ends the upload and returns when nothing of it runs any more.
func (u *Upload) Abort() {
	u.cancel(ErrClosed)
	u.running.Wait()
	u.tally.end()
}
