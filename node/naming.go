package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/dht"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/chain"
	"github.com/atollnet/atoll/naming/owner"
	"github.com/atollnet/atoll/naming/record"
	"github.com/atollnet/atoll/naming/resolver"
	"github.com/atollnet/atoll/naming/server"
	"github.com/atollnet/atoll/naming/upstream"
)

// names is what this peer does about names.
type names struct {
	roots    []resolver.Root
	owner    *owner.Owner
	resolver *resolver.Resolver
	upstream *upstream.Keeper // nil: other names are refused
	sharer   *upstream.Sharer // nil: answers are not shared
	server   *server.Server
	alt      wire.PublicKey // of this peer's own zone atoll.alt
	pin      string         // of the certificate, for clients that take pins
}

// recordRule judges name records and shared answers for the DHT.
type recordRule struct {
	anchors []*dns.DS // of the ordinary DNS
}

// Check implements dht.RecordRule.
func (r recordRule) Check(kind wire.RecordKind, id wire.RecordID, value []byte) error {
	if kind == wire.RecordChain {
		return chain.Check(id, value, r.anchors, time.Now())
	}
	return record.Check(kind, id, value, time.Now())
}

// Stamp implements dht.RecordRule.
func (recordRule) Stamp(kind wire.RecordKind, value []byte) (s dht.Stamp, err error) {
	if kind == wire.RecordChain {
		s.Serial, s.Expires, err = chain.Stamp(value)
		return s, err
	}
	s.Serial, s.Expires, err = record.Stamp(kind, value)
	return s, err
}

// recordStored is told by the DHT of each name record that it took.
func (n *Node) recordStored(kind wire.RecordKind, id wire.RecordID) {
	if r := n.resolver.Load(); r != nil {
		r.Changed(kind, id)
	}
}

// records is where the resolver reads: what this peer has published itself, and
// the DHT.
type records struct {
	owner *owner.Owner
	dht   *dht.DHT
}

// Record implements resolver.Records.
func (r records) Record(ctx context.Context, kind wire.RecordKind, id wire.RecordID) ([]byte, error) {
	if value, ok := r.owner.Lookup(kind, id); ok {
		return value, nil
	}
	value, err := r.dht.Record(ctx, kind, id)
	if errors.Is(err, dht.ErrNotFound) {
		return nil, resolver.ErrAbsent
	}
	return value, err
}

// publisher is where the user's zones are put.
type publisher struct {
	*dht.DHT
	others func() int
}

// sweep is what the DHT does with many records.
type sweep func(context.Context, []dht.Ref, func(dht.Ref) ([]byte, bool), func(dht.Ref, int)) error

func (s sweep) run(ctx context.Context, records []owner.Ref, value func(owner.Ref) ([]byte, bool), put func(owner.Ref, int)) error {
	refs := make([]dht.Ref, len(records))
	for i, r := range records {
		refs[i] = dht.Ref(r)
	}
	return s(ctx, refs,
		func(r dht.Ref) ([]byte, bool) { return value(owner.Ref(r)) },
		func(r dht.Ref, confirmed int) { put(owner.Ref(r), confirmed) })
}

// PutRecords implements owner.Network.
func (p publisher) PutRecords(ctx context.Context, records []owner.Ref, value func(owner.Ref) ([]byte, bool), put func(owner.Ref, int)) error {
	return sweep(p.DHT.PutRecords).run(ctx, records, value, put)
}

// Sweep implements owner.Network.
func (p publisher) Sweep(ctx context.Context, records []owner.Ref, value func(owner.Ref) ([]byte, bool), put func(owner.Ref, int)) error {
	return sweep(p.DHT.Sweep).run(ctx, records, value, put)
}

// Others implements owner.Network.
func (p publisher) Others() int { return p.others() }

// openNames opens the user's zones and the DNS server.
func (n *Node) openNames(context.Context) (err error) {
	if n.names.roots, err = parseRoots(n.config.Roots); err != nil {
		return err
	}
	n.names.owner, err = owner.Open(owner.Config{
		Store: n.store, Network: publisher{n.dht, n.live}, Now: time.Now, Log: n.log,
		Seed: n.zoneSeed,
	})
	if err != nil {
		return err
	}
	peer := n.peerKey.Seed()
	others, err := n.openUpstream()
	if err != nil {
		return err
	}
	alt := wire.NewKey(wire.Derive("atoll/v1/alt-zone-key", peer[:]))
	n.names.alt = alt.Public()
	n.names.resolver = resolver.New(resolver.Config{
		Records: records{n.names.owner, n.dht}, Roots: n.rootsNow, Upstream: others, Now: time.Now,
		Key: alt,
	})
	n.resolver.Store(n.names.resolver)
	n.serveRegistrations()
	return n.openDNS()
}

// zoneSeed returns the seed of a zone's key. It follows from the user's own key,
// so that who has the keyring has the zones, and nothing else has to be kept
// secret or backed up.
func (n *Node) zoneSeed(label string, generation uint32) [32]byte {
	author := n.volumes.author().Seed()
	return wire.Derive("atoll/v1/zone-key", author[:], wire.Uint64(uint64(generation)), []byte(label))
}

// rootsNow returns the configured roots and those that are this user's own.
func (n *Node) rootsNow() []resolver.Root {
	roots := n.names.roots
	for suffix, digests := range n.names.owner.Roots() {
		roots = append(roots[:len(roots):len(roots)], resolver.Root{Suffix: suffix, Digests: digests})
	}
	return roots
}

// parseRoots reads roots: DS or DNSKEY records, of which the owner is the suffix.
// Several for one suffix count together.
func parseRoots(lines []string) (roots []resolver.Root, err error) {
	at := map[string]int{}
	for _, line := range lines {
		suffix, digest, err := parseRoot(line)
		if err != nil {
			return nil, errs.Hint(errs.New("configure", "root "+line, errs.Usage, err),
				`a root is a DS or DNSKEY record: "test. IN DS 12345 15 2 …"; see peerctl name anchor`)
		}
		if _, known := at[suffix]; !known {
			at[suffix] = len(roots)
			roots = append(roots, resolver.Root{Suffix: suffix})
		}
		r := &roots[at[suffix]]
		r.Digests = append(r.Digests, digest)
	}
	return roots, nil
}

func parseRoot(line string) (suffix string, digest naming.Digest, err error) {
	rr, err := dns.NewRR(line)
	if err != nil {
		return "", digest, err
	}
	var ds *dns.DS
	switch rr := rr.(type) {
	case *dns.DS:
		ds = rr
	case *dns.DNSKEY:
		ds = rr.ToDS(dns.SHA256)
	}
	digests := naming.DigestsOf([]dns.RR{ds})
	if ds == nil || len(digests) != 1 {
		return "", digest, errors.New("no DS with SHA-256, and no DNSKEY, of an Ed25519 key")
	}
	suffix, err = naming.Canonical(ds.Hdr.Name)
	return suffix, digests[0], err
}

// openDNS opens the DNS server's sockets. Where the configuration names no
// address, a port that is taken is no failure.
func (n *Node) openDNS() error {
	c := n.config
	if c.DNS == none && c.DoT == none && c.DoH == none {
		return nil
	}
	cert, pin, err := dnsCertificate(c)
	if err != nil {
		return err
	}
	open := func(at string) string {
		if at == none {
			return ""
		}
		return at
	}
	sc := server.Config{
		Resolver: n.names.resolver, Now: time.Now, TLS: cert, Log: n.log, PerSource: c.DNSRate,
		DNS: open(c.DNS), DoT: open(c.DoT), DoH: open(c.DoH),
	}
	if n.names.server, err = server.Listen(sc); err != nil {
		if !c.dnsAsked {
			n.log.Warn("DNS is not served: another program has the port", "error", err)
			return nil
		}
		return errs.Hint(errs.New("serve DNS", "", errs.Other, err), "is another program using the port? see --dns, --dot and --doh; %q turns one off", none)
	}
	n.names.pin = pin
	return nil
}

// serveNames runs what openNames opened.
func (n *Node) serveNames(ctx context.Context) error {
	if n.names.server == nil {
		<-ctx.Done()
		return nil
	}
	a := n.names.server.Addresses()
	n.log.Info("answering DNS", "dns", a.DNS, "dot", a.DoT, "doh", a.DoH)
	return errs.Wrap("serve DNS", "", n.names.server.Run(ctx))
}

// closeNames ends lookups that still run.
func (n *Node) closeNames() {
	if n.names.server != nil {
		n.names.server.Close()
	}
	if n.names.resolver != nil {
		n.names.resolver.Close()
	}
	if n.names.upstream != nil {
		n.names.upstream.Close()
	}
	if n.names.sharer != nil {
		n.names.sharer.Close()
	}
}

// errNames is the usage error of a request about names.
func errNames(op, subject, format string, args ...any) error {
	return errs.New(op, subject, errs.Usage, fmt.Errorf(format, args...))
}
