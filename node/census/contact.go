package census

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// contact puts a peer in the queue of those to be called, once.
func (c *Census) contact(p wire.PeerID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting[p] || p == c.host.Self() {
		return
	}
	select {
	case c.contacts <- p:
		c.waiting[p] = true
	default:
	}
}

// work calls the peers of the queue.
func (c *Census) work(ctx context.Context) {
	for {
		select {
		case p := <-c.contacts:
			err := c.exchange(ctx, p)
			c.mu.Lock()
			delete(c.waiting, p)
			if err != nil && ctx.Err() == nil && !errors.Is(err, p2p.ErrRefused) {
				late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
				c.table.failed(p, late, c.now())
				c.stir() // it is to be called again, perhaps soon
				c.log.Debug("a peer does not answer", "peer", p, "error", err)
			}
			c.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// connected calls a peer that has connected and is not known: mDNS, the DHT or
// its user has brought it here.
func (c *Census) connected(conn network.Conn) {
	if p, err := p2p.FromLibp2p(conn.RemotePeer()); err == nil && !c.knows(p) {
		c.contact(p)
	}
}

// disconnected calls a peer whose connection has ended, to learn whether it has.
func (c *Census) disconnected(conn network.Conn) {
	p, err := p2p.FromLibp2p(conn.RemotePeer())
	if err == nil && c.knows(p) && !c.host.Connected(p) && c.probes.Take(struct{}{}) {
		c.contact(p)
	}
}

func (c *Census) knows(p wire.PeerID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.table.entries[p] != nil
}

// present returns the record of this peer, signed again if it has changed, and
// the fingerprints of the table.
func (c *Census) present() (signed, []uint64) {
	addrs, space := c.addresses(), c.space()
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.outdated(addrs, space, now) {
		c.self = sign(c.config.Key, record{
			Format:     recordFormat,
			Peer:       c.host.Self(),
			Seq:        max(c.self.Record.Seq+1, c.table.seen+1, uint64(max(0, now.UnixMilli()))),
			Addresses:  addrs,
			FreeBytes:  space.FreeBytes,
			QuotaBytes: space.QuotaBytes,
			Domain:     c.config.Domain,
			Software:   c.config.Software,
		})
		c.table.setOwn(c.self.Record.Seq)
		c.pauseTo = now.Add(renewPause)
		c.renewAt = now.Add(renewEvery*3/4 + rand.N(renewEvery/2))
	}
	return c.self, slices.Clone(c.table.prints[:])
}

// outdated reports whether this peer's record no longer says what it should.
func (c *Census) outdated(addrs [][]byte, space Space, now time.Time) bool {
	r := c.self.Record
	if r.Seq < c.table.seen || !slices.EqualFunc(r.Addresses, addrs, bytes.Equal) || !now.Before(c.renewAt) {
		return true
	}
	change := max(r.FreeBytes, space.FreeBytes) - min(r.FreeBytes, space.FreeBytes)
	return !now.Before(c.pauseTo) && (change > space.QuotaBytes/renewShare || r.QuotaBytes != space.QuotaBytes)
}

func (c *Census) space() Space {
	if c.config.Space == nil {
		return Space{}
	}
	return c.config.Space()
}

// addresses returns this peer's own addresses, as many as a record holds.
func (c *Census) addresses() [][]byte {
	const each = (recordMax - 256 - 2*labelBytesMax) / addressesMax // a relayed one has some 60 bytes
	var addrs [][]byte
	for _, a := range c.host.Libp2p().Addrs() {
		if b := a.Bytes(); len(b) <= each && len(addrs) < addressesMax {
			addrs = append(addrs, b)
		}
	}
	return addrs
}

// compare returns records that a peer with these fingerprints lacks, and notes
// where the two tables differ.
func (c *Census) compare(prints []uint64) []signed {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doubts = c.table.differs(prints); c.doubts != 0 {
		c.calm = 0
	} else {
		c.calm++
	}
	records := c.table.records(c.doubts, recordsMax)
	c.spend(len(records))
	return records
}

// take merges what a peer has given: its own record, and others'. It stops at
// the first that is not a record.
func (c *Census) take(self signed, others []signed) error {
	if err := c.merge(self, true); err != nil {
		return err
	}
	c.mu.Lock()
	c.spend(len(others))
	c.mu.Unlock()
	for _, s := range others {
		if err := c.merge(s, false); err != nil {
			return err
		}
	}
	return nil
}

func (c *Census) merge(s signed, direct bool) error {
	c.mu.Lock()
	what, err := c.table.merge(s, direct, c.now())
	if what == arrived {
		c.calm = 0
	}
	c.mu.Unlock()
	if err == nil && what != nothing {
		c.tell(s.Record.Peer, what)
	}
	return err
}

// tell passes on what a new record says.
func (c *Census) tell(p wire.PeerID, what change) {
	info, ok := c.Lookup(p)
	if !ok {
		return
	}
	c.host.Learn(p, info.Addresses)
	if what != arrived {
		return
	}
	if c.config.News != nil {
		c.config.News(info)
	}
	c.stir()
}

// stir makes the rounds look again at what is due.
func (c *Census) stir() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *Census) measured(p wire.PeerID, rtt time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.table.entries[p]; e != nil {
		if e.rtt == 0 || rtt < e.rtt { // the first call may have had to connect
			e.rtt = rtt
		} else {
			e.rtt += (rtt - e.rtt) / 8
		}
	}
}

// Seen says that a peer has just done something: it lives.
func (c *Census) Seen(p wire.PeerID) {
	c.mu.Lock()
	what := c.table.met(p)
	c.mu.Unlock()
	if what == arrived {
		c.tell(p, what)
	}
}

// Lost says that a peer has just failed to do something. It is called, and
// suspect if it does not answer.
func (c *Census) Lost(p wire.PeerID) {
	if c.knows(p) {
		c.contact(p)
	}
}

// Lookup returns what is known of a peer.
func (c *Census) Lookup(p wire.PeerID) (Info, bool) {
	c.mu.Lock()
	e := c.table.entries[p]
	var info Info
	if e != nil {
		info = c.info(e)
	}
	c.mu.Unlock()
	if e == nil {
		return Info{}, false
	}
	info.Connected = c.host.Connected(p)
	return info, true
}

// Known returns all peers of the table but this one, suspects among them, in
// the order of their names.
func (c *Census) Known() []Info {
	c.mu.Lock()
	infos := make([]Info, 0, len(c.table.entries))
	for _, e := range c.table.entries {
		infos = append(infos, c.info(e))
	}
	c.mu.Unlock()
	for i := range infos {
		infos[i].Connected = c.host.Connected(infos[i].Peer)
	}
	slices.SortFunc(infos, func(a, b Info) int { return bytes.Compare(a.Peer[:], b.Peer[:]) })
	return infos
}

// Live returns the peers but this one that are not suspect, in any order.
func (c *Census) Live() []wire.PeerID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.table.live()
}

// Candidates returns the peers that may be asked to store something: those that
// live and offer room.
func (c *Census) Candidates() []Info {
	return slices.DeleteFunc(c.Known(), func(i Info) bool { return i.Suspect || i.FreeBytes == 0 })
}

func (c *Census) info(e *entry) Info {
	r := e.signed.Record
	addrs := r.addresses()
	if !c.config.LoopbackOK { // a record may not make this peer dial services of its own machine
		addrs = ma.FilterAddrs(addrs, func(a ma.Multiaddr) bool { return !manet.IsIPLoopback(a) })
	}
	return Info{
		Peer: r.Peer, Addresses: addrs, FreeBytes: r.FreeBytes, QuotaBytes: r.QuotaBytes, Group: r.group(),
		Software: r.Software, Seq: r.Seq, RTT: e.rtt, Suspect: !e.suspect.IsZero(), Heard: e.heard,
	}
}
