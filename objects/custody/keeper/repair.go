package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
)

// repairer works off the queue, the most urgent extent first, and moves shares
// when nothing waits.
func (k *Keeper) repairer(ctx context.Context) {
	for next, leaving := 0, 0; ctx.Err() == nil; {
		if e, v, bytes := k.nextRepair(); e != nil {
			k.yield(ctx, v)
			err := k.repair(ctx, e)
			k.finish(e, bytes, err)
			continue
		}
		if k.depart(ctx, &leaving) || !k.Busy() && k.move(ctx, &next) {
			continue
		}
		select {
		case <-k.wake:
		case <-time.After(k.tick()):
		case <-ctx.Done():
		}
	}
}

// nextRepair takes the most urgent extent that is this peer's to repair now.
func (k *Keeper) nextRepair() (*entry, custody.Verdict, int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var later []*entry
	defer func() {
		for _, e := range later {
			k.judge(e)
		}
	}()
	for {
		n, v, ok := k.queue.Pop()
		if !ok {
			return nil, v, 0
		}
		e := k.extents[n]
		if e.busy || k.awake < e.retry || !k.isOurTurn(e) {
			later = append(later, e)
			continue
		}
		shares, _ := k.standings(e)
		bytes := int64(len(custody.Wanted(k.code(e), v, shares))) * wire.ShareBytesMax
		if !k.admission.Admit(bytes) {
			later = append(later, e)
			return nil, v, 0
		}
		e.busy = true
		return e, v, bytes
	}
}

// isOurTurn reports whether the custodians that come before this one have had
// their time. The caller holds mu.
func (k *Keeper) isOurTurn(e *entry) bool {
	o := e.of
	answering := make([]wire.PeerID, 0, len(o.custodians))
	for _, c := range o.custodians {
		if c == k.Self || k.Peers.Answers(c) {
			answering = append(answering, c)
		}
	}
	before := custody.Turn(e.extent, answering, k.Self)
	if !slices.Contains(answering, k.Self) {
		before = len(answering) // the owner's peer comes after the ring
	}
	return k.awake-e.since >= float64(before)*k.turn().Seconds()
}

// yield gives way to users' traffic for a while, unless little is left to lose.
func (k *Keeper) yield(ctx context.Context, v custody.Verdict) {
	const step = 100 * time.Millisecond
	for waited := time.Duration(0); v.Margin > urgentMargin && waited < yieldMax && k.Busy(); waited += step {
		if !pause(ctx, step) {
			return
		}
	}
}

// finish ends a repair.
func (k *Keeper) finish(e *entry, bytes int64, err error) {
	k.mu.Lock()
	k.admission.Done(bytes)
	if err != nil {
		e.retry = k.awake + k.retryAfter()
		e.failed = errors.Is(err, transfer.ErrCoding)
	}
	k.mu.Unlock()
	if err != nil && !errors.Is(err, context.Canceled) {
		k.Log.Warn("custody: repair failed", "extent", e.extent.String(), "error", err)
	}
	k.release(e)
}

// repair rebuilds what an extent lacks. It looks for shares that others may
// have placed meanwhile first: what is found need not be made again.
func (k *Keeper) repair(ctx context.Context, e *entry) error {
	m, err := k.manifest(ctx, e)
	if err != nil {
		return err
	}
	k.recount(ctx, e, m)
	k.mu.Lock()
	shares, holders := k.standings(e)
	tally, code := custody.Count(shares), k.code(e)
	v := custody.Judge(code, tally)
	k.mu.Unlock()
	if !v.IsDue(code, tally) {
		k.save(e)
		return nil
	}
	placed, err := k.rebuild(ctx, e, m, holders, custody.Wanted(code, v, shares))
	if placed > 0 {
		k.Log.Info("custody: repaired", "extent", e.extent.String(), "live", tally.Live, "rebuilt", placed)
	}
	return err
}

// rebuild computes shares and brings them to peers that are chosen beside the
// present holders. It returns how many were placed, and an error unless all
// were.
func (k *Keeper) rebuild(ctx context.Context, e *entry, m *extent.Manifest, holders []wire.PeerID, wanted []int) (placed int, err error) {
	k.mu.Lock()
	source, proof := k.source(e), e.of.proof
	k.mu.Unlock()
	defer k.save(e)
	targets := plan.Replace(e.k, m.ShareBytes(), holders, wanted, k.candidates(), k.nonce())
	if slices.Index(targets, wire.PeerID{}) == 0 {
		return 0, errs.Newf("repair extent", e.extent.String(), errs.Full, "no peer has room for its shares")
	}
	if err := k.spend(ctx, (e.k+len(wanted))*m.ShareBytes()); err != nil {
		return 0, err
	}
	rebuilt, err := k.Fetcher.Rebuild(ctx, source, wanted)
	if err != nil {
		return 0, err
	}
	for i, share := range wanted {
		if k.place(ctx, e, m, share, rebuilt[share], targets[i], proof) {
			placed++
		}
	}
	if placed < len(wanted) {
		return placed, errs.Newf("repair extent", e.extent.String(), errs.TooFew, "%d of %d shares found a holder", placed, len(wanted))
	}
	return placed, nil
}

// candidates are the peers that may take shares.
func (k *Keeper) candidates() []plan.Candidate {
	all := k.Peers.Candidates()
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(all), func(c plan.Candidate) bool {
		p := k.peers[c.Peer]
		return p != nil && p.conduct.IsAvoided() || k.isLeaving(p) || k.full.says(c.Peer)
	})
}

// spend waits until so many bytes may be moved.
func (k *Keeper) spend(ctx context.Context, bytes int) error {
	for bytes > 0 {
		n := min(bytes, k.bytes.Burst())
		if err := k.bytes.WaitN(ctx, n); err != nil {
			return err
		}
		bytes -= n
	}
	return nil
}

// recount looks for holders beyond those that are known, and lets them prove
// what they have.
func (k *Keeper) recount(ctx context.Context, e *entry, m *extent.Manifest) {
	k.mu.Lock()
	source := k.source(e)
	known := slices.Clone(source.Holders)
	k.mu.Unlock()
	for _, h := range k.Fetcher.Holders(ctx, source) {
		k.mu.Lock()
		leaving := k.isLeaving(k.peers[h.Peer])
		k.mu.Unlock()
		if leaving || slices.Contains(known, h) {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, auditTimeout)
		err := k.Fetcher.Audit(asking, m, h, custody.AuditBytesMax, k.nonce())
		cancel()
		if err != nil {
			continue
		}
		k.mu.Lock()
		found := k.add(e, h, 0) // its lease is renewed soon
		found.doubt, found.peer.answers, found.peer.silence = false, true, custody.Silence{}
		k.mu.Unlock()
	}
}

// place brings a share to a holder, and to others when that one fails. Those
// that are full, or do not want this object, say so at once; the full ones are
// passed over for a while.
func (k *Keeper) place(ctx context.Context, e *entry, m *extent.Manifest, share int, data []byte, target wire.PeerID, proof []byte) bool {
	passed := make(map[wire.PeerID]bool)
	for failed, refused := 0, 0; failed < placeFailuresMax && refused < placeRefusalsMax; {
		if target.IsZero() || ctx.Err() != nil {
			return false
		}
		_, err := k.Orders.Bring(ctx, e.object, target, m, share, data, k.LeaseSeconds, proof)
		k.mu.Lock()
		if err == nil {
			k.add(e, transfer.Holding{Peer: target, Share: share}, unixNow())
			k.mu.Unlock()
			return true
		}
		_, holders := k.standings(e)
		k.mu.Unlock()
		k.Log.Info("custody: a peer did not take a share", "peer", target.String(), "error", fmt.Sprint(err))
		switch {
		case refusedAs(err, transfer.RefusedFull):
			k.full.note(target)
			refused++
		case refusedAs(err, transfer.RefusedDenied):
			passed[target] = true
			refused++
		default:
			passed[target] = true
			failed++
		}
		left := slices.DeleteFunc(k.candidates(), func(c plan.Candidate) bool { return passed[c.Peer] })
		target = plan.Replace(e.k, m.ShareBytes(), holders, []int{share}, left, k.nonce())[0]
	}
	return false
}
