package resolver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
)

// Bounds on what one question may cost, whatever zones hold.
const (
	// chainMax is how many aliases are followed, cutsMax how many delegations
	// one name leads through.
	chainMax = 12
	cutsMax  = 16
	// lookupsMax is how many records one question may look at.
	lookupsMax = 96
)

// Errors of a walk; each becomes an extended error.
var (
	errLookups = errors.New("the question needs too many lookups")
	errMissing = errors.New("the zone says that there are records, and no peer has them")
	errNoZone  = errors.New("no peer has records of the zone")
	errCuts    = errors.New("too many delegations")
)

// place is a zone on the way to a name.
type place struct {
	origin  string
	digests []naming.Digest // the keys that its parent, or its name, allows
	root    bool            // nothing above it is ours
}

// walk is the work on one question.
type walk struct {
	*Resolver
	ctx     context.Context
	name    string // canonical; changes with aliases
	qtype   uint16
	fresh   bool // no older records than those that would be looked up again
	lookups int
	cuts    int
	stale   bool
	oldest  time.Time // when the oldest record in use was looked up
	until   time.Time // when the first signature in use ends
	trace   *[]Step
	done    bool        // lookups that nobody waits for any more tell nothing
	mu      *sync.Mutex // guards what is above from lookups; lookups of one question run beside each other
}

// get returns a record of a zone.
func (w *walk) get(z *place, kind wire.RecordKind, id wire.RecordID, what string) *found {
	w.mu.Lock()
	w.lookups++
	over := w.lookups > lookupsMax
	w.mu.Unlock()
	if over {
		return &found{err: errLookups}
	}
	began := w.now()
	maxAge := recordAge
	if w.fresh {
		maxAge = refreshAge
	}
	g := w.records.get(w.ctx, kind, id, maxAge)
	w.note(z, what, g, w.now().Sub(began))
	return g.found
}

// note remembers how old what was used is, and tells the trace.
func (w *walk) note(z *place, what string, f got, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return
	}
	w.stale = w.stale || f.stale
	if f.err == nil {
		if w.oldest.IsZero() || f.asOf.Before(w.oldest) {
			w.oldest = f.asOf
		}
		if end := time.Unix(int64(f.zone().Expiration), 0); w.until.IsZero() || end.Before(w.until) {
			w.until = end
		}
	}
	if w.trace == nil {
		return
	}
	s := Step{Zone: z.origin, What: what, From: "cache", Took: took, Note: "found"}
	if f.looked {
		s.From = "network"
	}
	switch {
	case f.err != nil:
		s.Note = f.err.Error()
	case f.stale:
		s.Note = fmt.Sprintf("serial %d, stale", f.zone().Serial)
	default:
		s.Note = fmt.Sprintf("serial %d", f.zone().Serial)
	}
	*w.trace = append(*w.trace, s)
}

// names returns the names from just below the zone's own to the wanted one.
func (z *place) names(name string) []string {
	var all []string
	for name != z.origin {
		all = append([]string{name}, all...)
		i, end := dns.NextLabel(name, 0)
		if end {
			break
		}
		name = name[i:]
	}
	return all
}

// record returns the record of a name in a zone, under whichever of its keys
// there is one. Of several the newest counts. Its error is ErrAbsent if there
// is none or the name has gone.
func (w *walk) record(z *place, name string) *found {
	packed, err := naming.Pack(name)
	if err != nil {
		return &found{err: err}
	}
	best := &found{err: ErrAbsent}
	for _, f := range w.each(len(z.digests), func(i int) *found {
		return w.get(z, wire.RecordName, naming.NameID(z.digests[i], packed), name)
	}) {
		switch {
		case f.err == nil && (best.err != nil || f.name.Zone.Serial > best.name.Zone.Serial):
			best = f
		case f.err != nil && best.err != nil && !errors.Is(f.err, ErrAbsent):
			best = f
		}
	}
	return best
}

// each does several things at the same time.
func (w *walk) each(n int, do func(i int) *found) []*found {
	all := make([]*found, n)
	if n == 1 {
		all[0] = do(0)
		return all
	}
	waits := make([]func() *found, n)
	for i := range n {
		waits[i] = w.begin(func() *found { return do(i) })
	}
	for i, wait := range waits {
		all[i] = wait()
	}
	return all
}

// in answers the question from a zone, or from one that it delegates to.
func (w *walk) in(z *place) (Answer, error) {
	if w.cuts++; w.cuts > cutsMax {
		return Answer{}, errCuts
	}
	names := z.names(w.name)
	if len(names) == 0 {
		return w.atApex(z)
	}
	all := w.lookAhead(z, names)
	if name, f := w.decide(names, all); f != nil {
		return w.at(z, name, f)
	}
	return w.missing(z, names, all)
}

// decision is the record that a question is answered from, or where it goes on.
type decision struct {
	name   string
	record *found // nil: there is none
}

// decide returns the record of the wanted name, or of the highest one above it that
// delegates or redirects, whichever is known first: that a record is not there
// takes longest to know, and in every zone above the wanted name's own that is so
// of the name itself. It returns nil where there is neither.
func (w *walk) decide(names []string, all []func() *found) (string, *found) {
	last := len(all) - 1
	there := func() decision {
		f := all[last]()
		if f.err != nil || f.name.Gone() {
			return decision{}
		}
		return decision{names[last], f}
	}
	if last == 0 {
		d := there()
		return d.name, d.record
	}
	decisions := make(chan decision, 2)
	enough := make(chan struct{})
	defer close(enough)
	own := func(context.Context) { decisions <- there() }
	above := func(context.Context) { decisions <- highest(names[:last], all, enough) }
	for _, look := range []func(context.Context){own, above} {
		if !w.tasks.Go(look) {
			decisions <- decision{}
		}
	}
	for range cap(decisions) {
		if d := <-decisions; d.record != nil {
			return d.name, d.record
		}
	}
	return "", nil
}

// highest returns the first of names from the zone's own downwards that delegates
// or redirects what is below it. It goes on until others know enough.
func highest(names []string, all []func() *found, enough <-chan struct{}) decision {
	for i, name := range names {
		select {
		case <-enough:
			return decision{}
		default:
		}
		f := all[i]()
		if f.err == nil && !f.name.Gone() && (f.name.Set(dns.TypeDNAME) != nil || isCut(f.name)) {
			return decision{name, f}
		}
	}
	return decision{}
}

// aheadMax is how many names are looked up together with the wanted one.
const aheadMax = 4

// lookAhead begins to look up the wanted name, those above it, and the zone's
// own, all at once. The results wait when they are asked for.
func (w *walk) lookAhead(z *place, names []string) []func() *found {
	all := make([]func() *found, len(names))
	for i, name := range names {
		if i < len(names)-1 && i >= aheadMax {
			all[i] = func() *found { return w.record(z, name) }
			continue
		}
		all[i] = w.begin(func() *found { return w.record(z, name) })
	}
	w.begin(func() *found { return w.record(z, z.origin) })
	return all
}

// begin begins a lookup in the background and returns what waits for its end.
func (w *walk) begin(look func() *found) func() *found {
	result := make(chan *found, 1)
	if !w.tasks.Go(func(context.Context) { result <- look() }) {
		result <- &found{err: context.Canceled}
	}
	return sync.OnceValue(func() *found { return <-result })
}

func isCut(n *record.Name) bool {
	return n.Set(dns.TypeNS) != nil && n.Set(dns.TypeSOA) == nil
}

func (w *walk) atApex(z *place) (Answer, error) {
	f := w.record(z, z.origin)
	if f.err != nil {
		return Answer{}, noZone(f.err)
	}
	if f.name.Gone() {
		return Answer{}, errNoZone
	}
	if w.qtype == dns.TypeDS && z.root {
		return w.noAnchorAbove(z, f)
	}
	return w.at(z, z.origin, f)
}

func noZone(err error) error {
	if errors.Is(err, ErrAbsent) {
		return errNoZone
	}
	return err
}

// noAnchorAbove answers a question for the DS of a root: what would hold it is
// not ours. It is a "no" without a proof.
func (w *walk) noAnchorAbove(z *place, apex *found) (Answer, error) {
	a := Answer{Rcode: dns.RcodeSuccess}
	soa, err := signedSet(apex.name, dns.TypeSOA, z.origin)
	a.Authority = soa
	return a, err
}

// at answers from the record of a name that is the wanted one or stands above
// it.
func (w *walk) at(z *place, name string, f *found) (Answer, error) {
	n := f.name
	if isCut(n) && !(name == w.name && w.qtype == dns.TypeDS) {
		return w.below(n, name)
	}
	if name != w.name { // a DNAME above
		return w.redirect(n, name)
	}
	if n.Set(w.qtype) != nil {
		rrs, err := signedSet(n, w.qtype, name)
		return Answer{Rcode: dns.RcodeSuccess, Answer: rrs, Secure: true}, err
	}
	if n.Set(dns.TypeCNAME) != nil {
		rrs, err := signedSet(n, dns.TypeCNAME, name)
		return Answer{Rcode: dns.RcodeSuccess, Answer: rrs, Secure: true}, err
	}
	return w.noData(z, &n.Zone, &n.Link[0])
}

// below goes on in the zone that a record delegates to.
func (w *walk) below(n *record.Name, name string) (Answer, error) {
	ds, err := n.Set(dns.TypeDS).RRs(name)
	if err != nil {
		return Answer{}, err
	}
	digests := naming.DigestsOf(ds)
	if len(digests) == 0 {
		return Answer{}, fmt.Errorf("%w: %s is delegated to no key that Atoll knows", errNoZone, name)
	}
	return w.in(&place{origin: name, digests: digests})
}

// redirect answers with a DNAME above the name and the CNAME that it makes
// (RFC 6672).
func (w *walk) redirect(n *record.Name, name string) (Answer, error) {
	rrs, err := signedSet(n, dns.TypeDNAME, name)
	if err != nil {
		return Answer{}, err
	}
	d, ok := rrs[0].(*dns.DNAME)
	if !ok {
		return Answer{}, record.ErrRecord
	}
	target := strings.TrimSuffix(w.name, name) + strings.TrimSuffix(d.Target, ".") + "."
	if d.Target == "." {
		target = strings.TrimSuffix(w.name, name)
	}
	target, err = naming.Canonical(target)
	if err != nil { // it grew too long
		return Answer{Rcode: dns.RcodeYXDomain, Answer: rrs, Secure: true}, nil
	}
	c := &dns.CNAME{Hdr: dns.RR_Header{Name: w.name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: d.Hdr.Ttl}, Target: target}
	return Answer{Rcode: dns.RcodeSuccess, Answer: append(rrs, c), Secure: true}, nil
}

// signedSet returns a set with its signature, as records of owner: the record's
// own name, or one that a wildcard stands for.
func signedSet(n *record.Name, t uint16, owner string) ([]dns.RR, error) {
	s := n.Set(t)
	if s == nil {
		return nil, fmt.Errorf("%w: no %s", record.ErrRecord, dns.Type(t))
	}
	rrs, err := s.RRs(owner)
	if err != nil || len(s.Signature) == 0 {
		return rrs, err
	}
	recordOwner, err := naming.Unpack(n.Owner)
	if err != nil {
		return nil, err
	}
	return append(rrs, n.Zone.RRSIG(s, owner, recordOwner)), nil
}
