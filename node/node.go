package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/dht"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/server"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming/resolver"
	"github.com/atollnet/atoll/node/census"
	"github.com/atollnet/atoll/node/outbox"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/custody/keeper"
	"github.com/atollnet/atoll/objects/store"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/tree"
)

// dbDir is the local store's directory in the data directory.
const dbDir = "db"

// Node is a running peer.
type Node struct {
	config  Config
	log     *slog.Logger
	started time.Time

	// What it keeps, opened in this order and closed in the reverse one.
	unlock  func()
	peerKey wire.Key
	volumes *volumes
	store   kv.Store
	shares  *store.Shares
	outbox  *outbox.Box // changes that wait for a ring

	// The network.
	host       *p2p.Host
	dht        *dht.DHT
	census     *census.Census
	headChecks *headChecks // of what the DHT and rings bring

	// What it does for its user.
	links       *ringnet.Links
	calls       *ringnet.Client
	rings       *runner.Host
	ring        *ring
	seat        *member
	agenda      *agenda    // objects to be archived
	changed     *agenda    // objects whose custody is to be looked at again
	unpublished *agenda    // objects whose heads are to be published
	turnovers   *turnovers // rings that have changed
	pulse       *pulse
	news        *news    // of versions, for those who watch
	watches     *watches // what this peer's user watches
	gateway     *objects.Gateway
	contacts    contacts
	fetcher     *transfer.Fetcher
	traffic     traffic
	caps        caps
	keeper      *keeper.Keeper
	auditing    *transfer.Fetcher // the keeper's
	damage      damage            // on this disk
	departure   departure
	retention   *retention
	listener    net.Listener

	names    names
	anchors  []*dns.DS                         // of the ordinary DNS
	resolver atomic.Pointer[resolver.Resolver] // names.resolver, once it is there: the DHT tells it of records
	company  atomic.Pointer[census.Census]     // census, once it is there: the DHT asks it for peers
}

// Open takes the data directory, opens everything in it, and joins the network.
// The peer answers others from here on, and its user once Run is called.
func Open(ctx context.Context, c Config) (*Node, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	n := &Node{config: c, log: c.Log, started: time.Now(), agenda: newAgenda(), unpublished: newAgenda(), changed: newAgenda(), turnovers: newTurnovers(), retention: newRetention(), pulse: newPulse(), news: newNews()}
	n.departure.patience = leavePatienceDefault
	var err error
	if n.caps, err = newCaps(c.UpBytesPerSecond, c.DownBytesPerSecond); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{n.openStore, n.openNetwork, n.openGateway, n.openNames, n.openAPI} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, n.close())
		}
	}
	return n, nil
}

func (n *Node) openStore(context.Context) (err error) {
	if n.unlock, err = lockDir(n.config.Dir); err != nil {
		return err
	}
	if n.peerKey, err = loadPeerKey(n.config.Dir); err != nil {
		return err
	}
	if n.volumes, err = openVolumes(n.config); err != nil {
		return err
	}
	if n.outbox, err = outbox.Open(filepath.Join(n.config.Dir, "pending")); err != nil {
		return err
	}
	return n.openShares()
}

func (n *Node) openNetwork(ctx context.Context) (err error) {
	c := n.config
	n.host, err = p2p.New(p2p.Config{
		Key: n.peerKey, Listen: c.Listen, Announce: c.Announce,
		MDNS: c.MDNS, PortMap: c.PortMap, AutoNAT: c.AutoNAT, HolePunch: c.HolePunch, Relay: c.Relay,
		Book: filepath.Join(c.Dir, "peers.json"), Log: n.log,
	})
	if err != nil {
		return errs.Hint(errs.Wrap("start network", "", err), "is another program using the port? see --listen")
	}
	n.headChecks = newHeadChecks()
	if n.anchors, err = parseAnchors(c.Anchors); err != nil {
		return err
	}
	if n.dht, err = dht.New(ctx, dht.Config{Host: n.host, Store: n.store, Heads: headRule{n.headChecks}, Records: recordRule{n.anchors}, Stored: n.recordStored, Others: n.others, LoopbackOK: c.Loopback, Log: n.log}); err != nil {
		return err
	}
	n.census, err = census.New(census.Config{
		Host: n.host, Key: n.peerKey, Software: "atoll/" + api.Release, Join: c.Join, LoopbackOK: c.Loopback, Log: n.log,
		Space:  n.space,
		Others: n.dht.Peers,
		News:   func(i census.Info) { n.dht.Meet(i.Peer) },
	})
	n.company.Store(n.census)
	return err
}

func (n *Node) openGateway(context.Context) error {
	nodes := store.NewNodes(n.store)
	var err error
	if err = n.openRings(nodes); err != nil {
		return err
	}
	streams := userNetwork{cappedNetwork{network{n.host, n.census.Lost}, n.caps}, &n.traffic}
	n.fetcher = transfer.NewFetcher(transfer.FetcherConfig{Network: streams, Locate: n.locate, Distance: n.distance})
	n.gateway = objects.New(objects.Config{
		Self: n.host.Self(), Author: author{n.volumes}, Ring: n.ring, Peers: n, Goal: n.goal,
		Network: streams, Fetcher: n.fetcher, Nodes: nodes,
		Random: rand.Reader, Now: time.Now, Log: n.log,
	})
	n.ring.archiver = archive.NewArchiver(n.store, nodes, n.gateway)
	n.seat.fetch = n.fetcher
	n.links.Listen()
	n.seat.listen(ringnet.NewServer(n.host, n.log))
	n.openCustody()
	return n.serveShares()
}

// openRings makes this peer a member of the rings that it has joined, and the
// gateway's way to all others. Others are heard once all that it has promised
// lies open.
func (n *Node) openRings(nodes *store.Nodes) (err error) {
	self := n.host.Self()
	n.links = ringnet.NewLinks(n.host, func(from wire.PeerID, message []byte) { n.rings.Deliver(from, message) }, n.log)
	execute := executor{nodes, tree.NewCache(executorNodesMax), newChecked(), n.treeSource}
	if n.rings, err = runner.New(runner.Config{
		Self: self, Store: n.store, Executor: execute, Admitter: newAdmitter(execute), Transport: n.links, RoundTrip: n.distance, Log: n.log,
		Committed: n.committed, Behind: n.behind,
	}); err != nil {
		return err
	}
	n.calls = ringnet.NewClient(n.host)
	n.ring = &ring{self: self, rings: n.rings, news: n.news, calls: n.calls, dht: n.dht, checks: n.headChecks, heads: newHeads(n.learned), changed: n.changed.add, others: n.live, log: n.log,
		outdated: func(object wire.ObjectID) { n.turnovers.add(turnover{object: object}) }}
	n.watches = newWatches(n.ring, n.news)
	n.seat = &member{self: self, news: n.news, key: n.peerKey, rings: n.rings, ring: n.ring, nodes: nodes, reserved: newReservations(time.Now),
		nexts: p2p.NewBuckets[wire.PeerID](nextRate, time.Now), refused: p2p.NewBuckets[wire.PeerID](refusedRate, time.Now), silent: n.silent, joins: n.joins, joined: n.moved}
	return nil
}

// serveShares makes this peer a holder.
func (n *Node) serveShares() error {
	here := holder{n.shares, n.dht, n.freeBytes}
	obeying := obedience{here, new(proofs)}
	s := transfer.NewServer(transfer.ServerConfig{Self: n.host.Self(), Key: n.peerKey, Store: here, Keeping: obeying, Releasing: releasing{n, obeying.proofs}, Noticing: n.keeper})
	n.host.Handle(transfer.ProtocolPut, putLimits, func(ctx context.Context, remote wire.PeerID, stream *p2p.Stream) {
		n.served(transfer.ProtocolPut, remote, s.ServePut(ctx, remote, n.capped(remote, stream)))
	})
	n.host.Handle(transfer.ProtocolGet, getLimits, func(ctx context.Context, remote wire.PeerID, stream *p2p.Stream) {
		n.served(transfer.ProtocolGet, remote, s.ServeGet(ctx, remote, n.capped(remote, stream)))
	})
	n.host.Handle(transfer.ProtocolKeep, keepLimits, func(ctx context.Context, remote wire.PeerID, stream *p2p.Stream) {
		n.served(transfer.ProtocolKeep, remote, s.ServeKeep(ctx, remote, stream))
	})
	n.host.Handle(transfer.ProtocolRelease, keepLimits, func(ctx context.Context, remote wire.PeerID, stream *p2p.Stream) {
		n.served(transfer.ProtocolRelease, remote, s.ServeRelease(ctx, remote, stream))
	})
	n.host.Handle(transfer.ProtocolDelete, keepLimits, func(ctx context.Context, remote wire.PeerID, stream *p2p.Stream) {
		n.served(transfer.ProtocolDelete, remote, s.ServeDelete(ctx, remote, stream))
	})
	n.host.Handle(transfer.ProtocolNotice, keepLimits, func(ctx context.Context, remote wire.PeerID, stream *p2p.Stream) {
		n.served(transfer.ProtocolNotice, remote, s.ServeNotice(ctx, remote, stream))
	})
	n.dht.Advertise(n.shares.Extents)
	return nil
}

func (n *Node) served(protocol string, remote wire.PeerID, err error) {
	if err != nil {
		n.log.Debug("stream ended", "protocol", protocol, "peer", remote.String(), "error", err)
	}
}

func (n *Node) openAPI(context.Context) (err error) {
	n.listener, err = server.Listen(n.config.API)
	return err
}

// Run serves the user and keeps the peer's place in the network until the
// context ends, then closes everything.
func (n *Node) Run(ctx context.Context) error {
	n.log.Info("running", "peer", n.host.Self().String(), "api", n.config.API, "addresses", n.host.Addresses())
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return server.Serve(ctx, n.listener, backend{n}) })
	tasks.Go(func() error { return n.census.Run(ctx) })
	tasks.Go(func() error { return n.rings.Run(ctx) })
	tasks.Go(func() error { return countUptime(ctx, n.shares.Tick, n.log) })
	tasks.Go(func() error { return n.keepArchived(ctx) })
	tasks.Go(func() error { return n.keeper.Run(ctx) })
	tasks.Go(func() error { return n.dropExpired(ctx) })
	tasks.Go(func() error { return n.retain(ctx) })
	tasks.Go(func() error { return n.scrub(ctx) })
	tasks.Go(func() error { return n.tellDamage(ctx) })
	tasks.Go(func() error { return n.serveNames(ctx) })
	tasks.Go(func() error { return n.names.owner.Run(ctx) })
	tasks.Go(func() error { return n.publishHeads(ctx) })
	tasks.Go(func() error { return n.drainPending(ctx) })
	tasks.Go(func() error { return n.resumeRings(ctx) })
	tasks.Go(func() error { return n.turnovers.run(ctx, n.turnOver) })
	tasks.Go(func() error { return n.keepRings(ctx) })
	err := tasks.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, n.close())
}

// close ends what was opened, the last first.
func (n *Node) close() error {
	var failures []error
	note := func(what string, err error) {
		if err != nil {
			failures = append(failures, fmt.Errorf("close %s: %w", what, err))
		}
	}
	if n.listener != nil {
		n.listener.Close() // Serve has closed it, if it ran
	}
	n.closeNames()
	for _, f := range []*transfer.Fetcher{n.fetcher, n.auditing} {
		if f != nil {
			f.Close()
		}
	}
	if n.rings != nil {
		n.rings.Close()
	}
	if n.links != nil {
		n.links.Close()
		n.calls.Close()
	}
	if n.dht != nil {
		note("DHT", n.dht.Close())
	}
	if n.host != nil {
		note("network", n.host.Close())
	}
	if n.store != nil {
		note("store", n.store.Close())
	}
	if n.unlock != nil {
		n.unlock()
	}
	return errors.Join(failures...)
}
