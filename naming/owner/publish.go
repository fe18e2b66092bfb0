package owner

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/zone"
)

const (
	// putsAtOnce is how many records are put at the same time.
	putsAtOnce = 16
	// Copies is how many peers a record is put to.
	Copies = 20
)

// Result is what became of a publication.
type Result struct {
	Records   int    // put
	Confirmed int    // by how many peers the one with the fewest was confirmed
	Serial    uint64 // of the zone now
}

// Publish signs what changed in a zone and puts it into the DHT. It returns when
// the nearest peers have answered. Fewer than want confirmations for any record
// are an error of kind TooFew; the records are put again later all the same.
// want 0 stands for half of the peers that there are to confirm. progress, if
// not nil, is told how many records were put.
func (o *Owner) Publish(ctx context.Context, label string, want int, progress func(done, total int)) (Result, error) {
	changed, serial, err := o.sign(label)
	if err != nil {
		return Result{}, err
	}
	others := min(o.config.Network.Others(), Copies)
	if want == 0 {
		want = (others + 1) / 2
	}
	r := Result{Records: len(changed), Serial: serial, Confirmed: others}
	if err := o.putAll(ctx, changed, &r, progress); err != nil {
		return r, errs.Wrap("publish zone", label, err)
	}
	if r.Confirmed < want {
		err := errs.Newf("publish zone", label, errs.TooFew, "%d peers confirmed, %d were asked for", r.Confirmed, want)
		return r, errs.Hint(err, "it is kept and put again in the background; see peerctl peers, and peerctl name status")
	}
	return r, nil
}

// sign cuts all copies of a zone, stores the records that changed, and returns
// them in the order in which they are to be put: what is new first, then what
// proves it, then what has gone.
func (o *Owner) sign(label string) (changed []zone.Record, serial uint64, err error) {
	o.change.Lock()
	defer o.change.Unlock()
	z, err := o.Zone(label)
	if err != nil {
		return nil, 0, err
	}
	all, err := o.Entries(label)
	if err != nil {
		return nil, 0, err
	}
	now := o.config.Now()
	z.Serial = max(z.Serial+1, uint64(now.Unix()))
	if err := o.setZone(&z); err != nil {
		return nil, 0, err
	}
	for _, c := range z.copies() {
		digest := naming.DigestOf(c.Origin, c.Key)
		o.mu.Lock()
		before := maps.Clone(o.marksOf(digest))
		o.mu.Unlock()
		s, err := zone.Cut(c.Copy, o.config.Seed(label, c.generation), all, before, z.Serial, now)
		if err != nil {
			return nil, 0, errs.New("publish zone", label, errs.Usage, err)
		}
		if err := o.saveRecords(digest, s); err != nil {
			return nil, 0, errs.Wrap("publish zone", label, err)
		}
		changed = append(changed, s.Changed...)
	}
	slices.SortStableFunc(changed, func(a, b zone.Record) int { return phase(a) - phase(b) })
	return changed, z.Serial, nil
}

// phase says when a record is put.
func phase(r zone.Record) int {
	switch {
	case r.Gone:
		return 2
	case r.Kind == wire.RecordDenial || r.Bits > 0:
		return 1
	}
	return 0
}

func (o *Owner) saveRecords(digest naming.Digest, s *zone.Signed) error {
	const atOnce, bytesAtOnce = 1000, 768 << 10
	for rest := s.Changed; len(rest) > 0; {
		n, size := 0, 0
		for n < len(rest) && n < atOnce && size < bytesAtOnce {
			size += len(rest[n].Value) + 256
			n++
		}
		err := o.store.Update(func(w kv.Writer) error {
			for _, r := range rest[:n] {
				p := published{Copy: digest, Owner: r.Owner, Print: r.Print, Serial: r.Serial, Expiration: r.Expiration, Gone: r.Gone, Bits: r.Bits, Value: r.Value}
				if err := w.Set(recordKey(r.Kind, r.ID), wire.Marshal(p)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	if err := o.dropRecords(digest, s.Dropped); err != nil {
		return err
	}
	o.mu.Lock()
	o.marks[digest] = s.Marks
	o.mu.Unlock()
	return o.store.Sync()
}

func (o *Owner) dropRecords(digest naming.Digest, ids []wire.RecordID) error {
	o.mu.Lock()
	marks := o.marks[digest]
	o.mu.Unlock()
	for part := range slices.Chunk(ids, 1000) {
		err := o.store.Update(func(w kv.Writer) error {
			for _, id := range part {
				if err := w.Delete(recordKey(marks[id].Kind, id)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// manyMin is from how many records on they are put as many.
const manyMin = 64

// putAll puts records, those of one phase beside each other.
func (o *Owner) putAll(ctx context.Context, records []zone.Record, r *Result, progress func(done, total int)) error {
	var mu sync.Mutex
	done := 0
	note := func(ref Ref, confirmed int) {
		o.tell(ref.ID, confirmed)
		mu.Lock()
		defer mu.Unlock()
		done++
		r.Confirmed = min(r.Confirmed, confirmed)
		if progress != nil {
			progress(done, r.Records)
		}
	}
	for len(records) > 0 {
		n := 1
		for n < len(records) && phase(records[n]) == phase(records[0]) {
			n++
		}
		put := o.putFew
		if n >= manyMin {
			put = o.putMany
		}
		if err := put(ctx, records[:n], note); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

func (o *Owner) putFew(ctx context.Context, records []zone.Record, note func(Ref, int)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(putsAtOnce)
	for _, x := range records {
		group.Go(func() error {
			confirmed, err := o.config.Network.PutRecord(ctx, x.Kind, x.ID, x.Value)
			if err == nil {
				note(Ref{x.Kind, x.ID}, confirmed)
			}
			return err
		})
	}
	return group.Wait()
}

func (o *Owner) putMany(ctx context.Context, records []zone.Record, note func(Ref, int)) error {
	refs, values := make([]Ref, len(records)), make(map[Ref][]byte, len(records))
	for i, x := range records {
		refs[i] = Ref{x.Kind, x.ID}
		values[refs[i]] = x.Value
	}
	return o.config.Network.PutRecords(ctx, refs, func(r Ref) ([]byte, bool) {
		v, ok := values[r]
		return v, ok
	}, note)
}

// Timing of the background work.
const (
	tick = 5 * time.Second
	// againEvery is how often all records are put again though nothing changed.
	// Whoever holds them does it too.
	againEvery = 12 * time.Hour
)

// Run keeps zones published until the context ends: it signs anew what is about
// to expire, and puts all records again as time goes by and when twice as many
// peers are known as the last time, for then the nearest are others.
func (o *Owner) Run(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		others := o.config.Network.Others()
		now := o.config.Now()
		if others == 0 || now.Sub(o.puts) < againEvery && others < 2*o.known {
			continue
		}
		if err := o.again(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("publishing zones again", "error", err)
			continue
		}
		o.puts, o.known = now, others
	}
}

// again signs anew what has to be, and puts all records of all zones.
func (o *Owner) again(ctx context.Context) error {
	var failures []error
	var refs []Ref
	for _, z := range o.Zones() {
		if z.Serial == 0 {
			continue // nothing was published yet
		}
		if o.aging(&z) {
			if _, _, err := o.sign(z.Label); err != nil {
				failures = append(failures, err)
				continue
			}
		}
		refs = append(refs, o.refs(&z)...)
	}
	failures = append(failures, o.config.Network.Sweep(ctx, refs,
		func(r Ref) ([]byte, bool) { return o.Lookup(r.Kind, r.ID) },
		func(r Ref, confirmed int) { o.tell(r.ID, confirmed) }))
	return errors.Join(failures...)
}

// refs returns the records of all copies of a zone.
func (o *Owner) refs(z *Zone) (refs []Ref) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range z.copies() {
		for id, m := range o.marks[naming.DigestOf(c.Origin, c.Key)] {
			refs = append(refs, Ref{m.Kind, id})
		}
	}
	return refs
}

// tell notes what became of a put.
func (o *Owner) tell(id wire.RecordID, confirmed int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.config.Now()
	t := told{confirmed: confirmed, at: now, seen: o.told[id].seen}
	if confirmed > 0 {
		t.seen = now
	}
	o.told[id] = t
}

// Seen notes how many other peers have a record now.
func (o *Owner) Seen(id wire.RecordID, holders int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.told[id]
	t.confirmed = holders
	if holders > 0 {
		t.seen = o.config.Now()
	}
	o.told[id] = t
}

// aging reports whether signatures of a zone are to be made anew.
func (o *Owner) aging(z *Zone) bool {
	limit := o.config.Now().Add(zone.Renew).Unix()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range z.copies() {
		for _, m := range o.marks[naming.DigestOf(c.Origin, c.Key)] {
			if !m.Gone && int64(m.Expiration) < limit {
				return true
			}
		}
	}
	return false
}
