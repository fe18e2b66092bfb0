package dht

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	ds "github.com/ipfs/go-datastore"
	record "github.com/libp2p/go-libp2p-record"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"github.com/atollnet/atoll/dht/replica"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// Caching says what this peer holds of records that are copied ahead of use.
func (d *DHT) Caching() replica.Status { return d.replicas.Status() }

const (
	// doubtEvery is how long a record is taken on trust of the one peer that gave
	// it: then it is compared with what the nearest hold, so that who keeps back
	// changes does it for no longer.
	doubtEvery = time.Minute
	// doubtsMax bounds the records of which that is remembered, doubtsAtOnce how
	// many are compared at a time, and doubtsPerSecond and doubtsBurst how often.
	doubtsMax       = 1 << 14
	doubtsAtOnce    = 4
	doubtsPerSecond = 4
	doubtsBurst     = 40
)

// doubts says when records were last compared.
type doubts struct {
	last   *lru.Cache[string, time.Time]
	room   chan struct{}
	budget *rate.Limiter
}

func newDoubts() doubts {
	last, err := lru.New[string, time.Time](doubtsMax)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return doubts{last, make(chan struct{}, doubtsAtOnce), rate.NewLimiter(doubtsPerSecond, doubtsBurst)}
}

// due reports whether a record is to be compared now; whoever is told so calls
// done.
func (d doubts) due(key string, now time.Time) bool {
	if at, known := d.last.Get(key); known && now.Sub(at) < doubtEvery {
		return false
	}
	select {
	case d.room <- struct{}{}:
	default:
		return false // the next question for it asks again
	}
	if !d.budget.AllowN(now, 1) {
		<-d.room
		return false
	}
	d.last.Add(key, now)
	return true
}

func (d doubts) done() { <-d.room }

// ahead returns a record that was copied here ahead of use, if the judge lets it
// pass.
func (d *DHT) ahead(key string, j judge) ([]byte, bool) {
	value, found := d.replicas.Own(key)
	if !found || j.Validate(key, value) != nil {
		return nil, false
	}
	d.doubt(key, value)
	return value, true
}

// nearer returns a record that lies here ahead of use, or on the way to its home.
func (d *DHT) nearer(ctx context.Context, p *poll) ([]byte, bool) {
	if value, found := d.ahead(p.key, p.judge); found {
		return value, true
	}
	value, found := d.replicas.Find(ctx, p.key)
	if !found || p.judge.Validate(p.key, value) != nil {
		return nil, false
	}
	d.doubt(p.key, value)
	return value, true
}

// doubt compares a record that one peer gave with what the nearest hold, now and
// then and in the background. What is newer raises the floor: this peer takes
// nothing older from then on, from whomever.
func (d *DHT) doubt(key string, value []byte) {
	if !d.doubts.due(key, time.Now()) {
		return
	}
	d.tasks.Go(func(ctx context.Context) {
		defer d.doubts.done()
		j, err := d.judgeOf(key)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, 2*rpcTimeout)
		defer cancel()
		p := newPoll(d, key, j)
		p.offer(value)
		nearest, err := p.run(ctx)
		if err != nil && len(nearest) == 0 {
			return
		}
		best := p.result()
		d.mend(p.stale(nearest), record.MakePutRecord(key, best))
		if !j.newer(key, best, value) {
			return
		}
		if err := d.raise(ctx, key, best); err != nil {
			d.log.Debug("a newer record is not kept in mind", "key", key, "error", err)
		}
		d.replicas.Outdated(key, best)
		d.taken(key)
	})
}

// raise notes that this peer has seen a record.
func (d *DHT) raise(ctx context.Context, key string, value []byte) error {
	if kind, id, err := parseRecordKey(key); err == nil {
		return d.raised(d.table.raiseNameFloor(ctx, kind, id, value))
	}
	object, err := parseHeadKey(key)
	if err != nil {
		return err
	}
	return d.saw(ctx, object, value)
}

// taken says that a newer name or denial record has come.
func (d *DHT) taken(key string) {
	if kind, id, err := parseRecordKey(key); err == nil && d.config.Stored != nil {
		d.config.Stored(kind, id)
	}
}

// raised returns the error of raising a floor: that a newer record has come
// meanwhile is none.
func (d *DHT) raised(err error) error {
	if errors.Is(err, ErrOlder) {
		return nil
	}
	return err
}

// judgeOf returns who judges the record of a key.
func (d *DHT) judgeOf(key string) (judge, error) {
	if _, _, err := parseRecordKey(key); err == nil {
		if d.config.Records == nil {
			return nil, errNoRule
		}
		return recordJudge{rule: d.config.Records}, nil
	}
	if _, err := parseHeadKey(key); err != nil {
		return nil, fmt.Errorf("dht: %.80q is no key of a record", key)
	}
	return headValidator{d.config.Heads}, nil
}

// expiry returns when a record runs out; zero stands for never.
func (d *DHT) expiry(key string, value []byte) (time.Time, error) {
	kind, _, err := parseRecordKey(key)
	if err != nil {
		return time.Time{}, nil // a head
	}
	s, err := d.config.Records.Stamp(kind, value)
	return s.Expires, err
}

// cached is what proactive caching sees of the DHT: the records that are held,
// the rules for them, and the peers there are.
type cached struct{ *DHT }

// Check reports why value is no record of the key, and until when it is.
func (c cached) Check(key string, value []byte) (time.Time, error) {
	j, err := c.judgeOf(key)
	if err == nil {
		err = j.Validate(key, value)
	}
	if err != nil {
		return time.Time{}, err
	}
	return c.expiry(key, value)
}

// Newer reports whether a is newer than b.
func (c cached) Newer(key string, a, b []byte) bool {
	j, err := c.judgeOf(key)
	return err == nil && j.newer(key, a, b)
}

// Held returns the record that this peer holds for a key.
func (c cached) Held(ctx context.Context, key string) ([]byte, bool) {
	if _, err := c.judgeOf(key); err != nil {
		return nil, false
	}
	rec, err := c.held.Get(ctx, key)
	if err != nil || rec == nil {
		return nil, false
	}
	expires, err := c.expiry(key, rec.GetValue())
	return rec.GetValue(), err == nil && (expires.IsZero() || time.Now().Before(expires))
}

// Keys calls fn with the keys of all heads and records that are held.
func (c cached) Keys(ctx context.Context, fn func(key string)) error {
	prefixes := []string{headPrefix}
	for _, kind := range recordKinds {
		prefixes = append(prefixes, recordPrefix(kind))
	}
	for _, prefix := range prefixes {
		err := c.table.keys(ctx, prefix, 0, func(k ds.Key) error {
			key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(k.BaseNamespace())
			if err == nil {
				fn(string(key))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Peers returns the peers of the routing table, and others that are known: the
// table's buckets are too coarse for a contact of each digit.
func (c cached) Peers() []wire.PeerID {
	peers := c.DHT.Peers()
	if c.config.Others == nil {
		return peers
	}
	in := make(map[wire.PeerID]bool, len(peers))
	for _, p := range peers {
		in[p] = true
	}
	for _, p := range c.config.Others() {
		if !in[p] {
			peers = append(peers, p)
		}
	}
	return peers
}

// Addresses returns how a peer can be reached.
func (c cached) Addresses(p wire.PeerID) []string {
	var texts []string
	for _, a := range c.host.Libp2p().Peerstore().Addrs(p2p.ToLibp2p(p)) {
		texts = append(texts, a.String())
	}
	return texts
}

// Learn notes what an answer says of how to reach a peer.
func (c cached) Learn(p wire.PeerID, addresses []string) bool {
	info := &peer.AddrInfo{ID: p2p.ToLibp2p(p)}
	for _, text := range addresses {
		if a, err := ma.NewMultiaddr(text); err == nil {
			info.Addrs = append(info.Addrs, a)
		}
	}
	return c.note(info)
}

// watched is the table, whose changes are passed on to all copies.
type watched struct {
	*table
	changed func(key string, value []byte)
}

// Put stores a record.
func (w watched) Put(ctx context.Context, k ds.Key, value []byte) error {
	if err := w.table.Put(ctx, k, value); err != nil {
		return err
	}
	var rec recpb.Record
	if proto.Unmarshal(value, &rec) == nil && len(rec.GetKey()) > 0 { // a provider record is none
		w.changed(string(rec.GetKey()), rec.GetValue())
	}
	return nil
}

// Batch returns a batch that writes one by one.
func (w watched) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(w), nil }
