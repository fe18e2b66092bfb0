package dht

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/golang-lru/simplelru"
	kad "github.com/libp2p/go-libp2p-kad-dht"
	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	record "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/atollnet/atoll/dht/replica"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/tasks"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	prefix = "/atoll"
	// kadProtocol is what the library makes of the prefix.
	kadProtocol = prefix + "/kad/1.0.0"

	// maxPerBucket and maxPerTable are how many peers of one address group
	// (as the library cuts them) may stand in one bucket and in the whole
	// routing table.
	maxPerBucket = 3
	maxPerTable  = 10
)

// What others may ask of this peer.
var (
	streamLimits = p2p.Limits{OpenPerPeer: 16, OpenTotal: 2048}
	// questionRate is for all questions of one peer, putRate for those that
	// make us check a record's signatures.
	questionRate = p2p.Rate{PerSecond: 200, Burst: 2000}
	putRate      = p2p.Rate{PerSecond: 20, Burst: 200}
)

// Errors that callers act on.
var (
	// ErrNotFound is returned when no peer that was asked has a record.
	ErrNotFound = errors.New("no such record in the DHT")
	// ErrOlder is returned for a head older than one that this peer has seen.
	ErrOlder = errors.New("older than a head already seen")
)

// HeadRule judges head records.
type HeadRule interface {
	// Check reports why value is no head record of the object.
	Check(object wire.ObjectID, value []byte) error
	// Newer reports whether a is newer than b; both have passed Check.
	Newer(object wire.ObjectID, a, b []byte) bool
}

// Config says how a peer takes part. Host and Heads are needed.
type Config struct {
	Host  *p2p.Host
	Store kv.Store // keeps records over restarts, under prefix 'd'; nil: in memory
	Heads HeadRule
	// Records judges name and denial records; nil: there are none. Stored, if
	// not nil, is told of each one that this peer took, from whomever, or to
	// which a copy here has changed; it must return at once.
	Records RecordRule
	Stored  func(wire.RecordKind, wire.RecordID)
	// LoopbackOK says that the network lies on one machine or in one test:
	// any mixture of addresses is welcome and every peer serves.
	LoopbackOK bool
	// Others returns further peers that take part and live, for copies of popular
	// records; may be nil.
	Others func() []wire.PeerID
	// Bootstrap returns peers to turn to when none is known; may be nil.
	Bootstrap func() []peer.AddrInfo
	Log       *slog.Logger // nil: silent

	// Tests, which must not take a busy machine for dead peers, set these in
	// place of lateAfter and rpcTimeout.
	patience, rpcLimit time.Duration
	// cachingTick takes the place of beehive.TickSeconds in tests.
	cachingTick time.Duration
}

// DHT is this peer's part of the network's table. All of its methods are safe
// for concurrent use.
type DHT struct {
	config    Config
	log       *slog.Logger
	host      *p2p.Host
	id        peer.ID
	kad       *kad.IpfsDHT
	messenger *messenger
	table     *table
	held      *records.ValueStore // the records held for others, as the library keeps them
	patience  time.Duration       // lateAfter
	replicas  *replica.Replicas
	doubts    doubts
	known     acquaintances
	suspects  suspects
	meets     chan peer.ID
	news      chan news
	newsPause time.Duration // newsPause, but in tests
	repairs   chan struct{}
	floors    chan struct{} // holds one element when floors are to be made durable
	pace      pace          // of many records put at once

	tasks *tasks.Group
}

// New joins the DHT and serves it. It returns at once; Ready waits for company.
func New(ctx context.Context, c Config) (*DHT, error) {
	d := &DHT{
		config:    c,
		log:       c.Log,
		host:      c.Host,
		id:        p2p.ToLibp2p(c.Host.Self()),
		messenger: newMessenger(c.Host, kadProtocol),
		meets:     make(chan peer.ID, meetsMax),
		news:      make(chan news, newsMax),
		newsPause: newsPause,
		repairs:   make(chan struct{}, repairsMax),
		doubts:    newDoubts(),
		floors:    make(chan struct{}, 1),
		pace:      pace{peers: map[peer.ID]*peerPace{}},
	}
	d.patience = lateAfter
	if c.patience != 0 {
		d.patience, d.messenger.limit = c.patience, c.rpcLimit
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if d.table, err = openTable(ctx, openDatastore(c.Store), d.id, c); err != nil {
		return nil, fmt.Errorf("dht: open the records: %w", err)
	}
	rules := record.NamespacedValidator{headNamespace: headValidator{c.Heads}}
	if c.Records != nil {
		for _, kind := range recordKinds {
			rules[string(kind)] = recordJudge{rule: c.Records}
		}
	}
	d.replicas = replica.New(replica.Config{
		Self: c.Host.Self(), Network: c.Host, Contacts: cached{d}, Records: cached{d}, Taken: d.taken, Log: d.log, Tick: c.cachingTick,
	})
	d.held = records.NewValueStore(watched{d.table, d.replicas.Changed}, rules, 0)
	d.tasks = tasks.New()
	if d.kad, err = kad.New(c.Host.Guarded(streamLimits), d.options(rules)...); err != nil {
		d.tasks.Stop()
		return nil, fmt.Errorf("dht: start: %w", err)
	}
	d.tasks.Go(d.meet)
	d.tasks.Go(d.republish)
	d.tasks.Go(d.replicas.Run)
	d.tasks.Go(d.syncFloors)
	return d, nil
}

func (d *DHT) options(rules record.Validator) []kad.Option {
	// The library's cache of provider sets is not bounded by the number of
	// providers; the table behind it is, so keep the cache as small as it gets.
	cache, err := simplelru.NewLRU(1, nil)
	if err != nil {
		panic(err) // only a size below one fails
	}
	opts := []kad.Option{
		kad.ProtocolPrefix(prefix),
		kad.Validator(rules),
		kad.Datastore(watched{d.table, d.replicas.Changed}),
		kad.MaxRecordAge(0), // heads do not expire
		kad.ProviderManagerOpts(records.ProvideValidity(providerValidity), records.ProviderAddrTTL(providerAddrTTL), records.Cache(cache)),
		kad.WithCustomMessageSender(func(host.Host, []protocol.ID) pb.MessageSenderWithDisconnect { return d.messenger }),
		kad.OnRequestHook(d.limit()),
		kad.BootstrapPeersFunc(d.bootstrap),
	}
	if d.config.LoopbackOK {
		return append(opts, kad.Mode(kad.ModeServer))
	}
	return append(opts,
		// A peer serves unless it knows that it cannot be reached: in a
		// network of one household nobody ever learns that he can.
		kad.Mode(kad.ModeAutoServer),
		kad.RoutingTablePeerDiversityFilter(newDiversity(d.host.Libp2p())),
	)
}

// limit returns the hook that resets streams of peers that ask too much.
func (d *DHT) limit() func(context.Context, network.Stream, *pb.Message) {
	questions := p2p.NewBuckets[peer.ID](questionRate, time.Now)
	puts := p2p.NewBuckets[peer.ID](putRate, time.Now)
	return func(_ context.Context, s network.Stream, q *pb.Message) {
		p := s.Conn().RemotePeer()
		if !questions.Take(p) || q.GetType() == pb.Message_PUT_VALUE && !puts.Take(p) {
			q.Type = pb.Message_MessageType(-1) // the library knows no such question and ends the stream
			s.ResetWithError(network.StreamRateLimited)
		}
	}
}

func (d *DHT) bootstrap() []peer.AddrInfo {
	if d.config.Bootstrap == nil {
		return nil
	}
	return d.config.Bootstrap()
}

// Close ends all lookups and background work and waits for them.
func (d *DHT) Close() error {
	d.tasks.Stop()
	err := d.kad.Close()
	d.tasks.Wait()
	return err
}

// bound returns a context that ends with ctx and with the DHT.
func (d *DHT) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(d.tasks.Context(), cancel)
	return ctx, func() { stop(); cancel() }
}

func (d *DHT) connected(p peer.ID) bool {
	return d.host.Libp2p().Network().Connectedness(p) == network.Connected
}
