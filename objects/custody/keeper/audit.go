package keeper

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/transfer"
)

const (
	// auditTimeout is how long a holder may take for a few KiB. One that fetches
	// them from others first is late.
	auditTimeout = 5 * time.Second
	// auditsAtOnce is how many shares of an extent are audited at once.
	auditsAtOnce = 8
)

func unixNow() int64 { return time.Now().Unix() }

// auditor audits one extent after another, those that are due.
func (k *Keeper) auditor(ctx context.Context) {
	for next := 0; ctx.Err() == nil; {
		e := k.nextAudit(&next)
		if e == nil {
			pause(ctx, k.tick())
			continue
		}
		k.audit(ctx, e)
		k.release(e)
	}
}

// nextAudit goes round the extents once, from where it was, to one that is due.
func (k *Keeper) nextAudit(next *int) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	for range k.order {
		if *next >= len(k.order) {
			*next = 0
		}
		e := k.order[*next]
		*next++
		if !e.busy && (e.again || k.isAuditDue(e)) && k.awake >= e.retry {
			e.busy = true
			return e
		}
	}
	return nil
}

// isAuditDue reports whether all of an extent is to be audited again. The caller
// holds mu.
func (k *Keeper) isAuditDue(e *entry) bool {
	draw := float64(e.extent[0]^byte(e.audited)) / 256
	return custody.AuditDue(e.audited, unixNow(), int64(k.AuditEvery/time.Second), draw)
}

// release lets others work on an extent.
func (k *Keeper) release(e *entry) {
	k.mu.Lock()
	e.busy = false
	k.judge(e)
	waiting := k.queue.Len() > 0
	k.mu.Unlock()
	if waiting {
		k.stir()
	}
}

// audit asks every holder of an extent that answers for a proof.
func (k *Keeper) audit(ctx context.Context, e *entry) {
	m, err := k.manifest(ctx, e)
	if err != nil {
		k.mu.Lock()
		e.retry = k.awake + k.retryAfter()
		k.mu.Unlock()
		return
	}
	k.mu.Lock()
	whole := k.isAuditDue(e)
	k.mu.Unlock()
	if whole {
		k.auditExtent(ctx, e, m)
	} else {
		k.auditDoubts(ctx, e, m)
	}
}

// auditExtent audits all copies whose holders answer, and writes down what came
// of it.
func (k *Keeper) auditExtent(ctx context.Context, e *entry, m *extent.Manifest) {
	if k.auditSome(ctx, e, m, func(*held) bool { return true }) {
		k.mu.Lock()
		e.audited = unixNow()
		k.mu.Unlock()
	}
	k.save(e)
}

// auditSome audits copies whose holders answer, and reports whether it came to
// the end.
func (k *Keeper) auditSome(ctx context.Context, e *entry, m *extent.Manifest, which func(*held) bool) bool {
	k.mu.Lock()
	var asked []*held
	for _, h := range e.copies {
		if h.peer.answers && which(h) {
			asked = append(asked, h)
		}
	}
	k.mu.Unlock()
	k.auditAll(ctx, e, m, asked)
	if ctx.Err() != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.again = e.hasDoubts(); e.again {
		e.retry = k.awake + k.retryAfter()
	}
	return true
}

func (k *Keeper) auditAll(ctx context.Context, e *entry, m *extent.Manifest, asked []*held) {
	var running sync.WaitGroup
	slots := make(chan struct{}, auditsAtOnce)
	for _, h := range asked {
		if k.audits.Wait(ctx) != nil {
			break
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			k.auditOne(ctx, e, m, h)
		})
	}
	running.Wait()
}

// auditOne asks one holder and notes what it proved.
func (k *Keeper) auditOne(ctx context.Context, e *entry, m *extent.Manifest, h *held) {
	asking, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	err := k.Fetcher.Audit(asking, m, transfer.Holding{Peer: h.peer.id, Share: h.share}, custody.AuditBytesMax, k.nonce())
	if ctx.Err() != nil {
		return
	}
	k.note(e, h, err, asking.Err() != nil)
	if err != nil {
		k.Log.Info("custody: audit failed", "peer", h.peer.id.String(), "extent", e.extent.String(), "share", h.share, "error", err)
		k.savePeer(h.peer)
	}
}

// note counts what an audit came to.
func (k *Keeper) note(e *entry, h *held, err error, late bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := &h.peer.conduct
	switch {
	case err == nil:
		c.Proved++
		h.doubt = false
	case errors.Is(err, transfer.ErrLied):
		c.Lied++
		e.drop(h)
	case transfer.Denies(err):
		c.Missing++
		e.drop(h)
	case late:
		c.Late++
		h.doubt = true
	default:
		h.doubt = true // it could not be asked: that is for its silence to say
	}
}

// manifest fetches an extent's manifest and learns its code.
func (k *Keeper) manifest(ctx context.Context, e *entry) (*extent.Manifest, error) {
	k.mu.Lock()
	s := k.source(e)
	k.mu.Unlock()
	m, err := k.Fetcher.Manifest(ctx, s)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	e.k, e.n = int(m.K), int(m.N)
	return m, nil
}

// Audited returns when an extent of an object was last audited; false if it
// never was, or is not in custody here.
func (k *Keeper) Audited(object wire.ObjectID, extent wire.ExtentID) (time.Time, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.extents[name{object, extent}]
	if e == nil || e.audited == 0 {
		return time.Time{}, false
	}
	return time.Unix(e.audited, 0), true
}
