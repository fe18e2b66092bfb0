package node

import (
	"context"
	"errors"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/dht"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming/chain"
	"github.com/atollnet/atoll/naming/resolver"
	"github.com/atollnet/atoll/naming/upstream"
)

// openUpstream opens the way to names that are not Atoll's; nil if there is none.
func (n *Node) openUpstream() (resolver.Upstream, error) {
	policy, err := upstream.ParsePolicy(n.config.ShareAnswers)
	if err != nil {
		return nil, errs.New("configure", "share_answers", errs.Usage, err)
	}
	if len(n.config.Upstream) == 0 {
		return nil, nil
	}
	forwarder, err := upstream.New(n.config.Upstream, time.Now)
	if err != nil {
		return nil, errs.New("configure", "upstream", errs.Usage, err)
	}
	var from upstream.Asker = forwarder
	if policy != upstream.ShareOff {
		n.names.sharer = upstream.Share(forwarder, shared{n.dht}, policy, n.anchors, time.Now)
		from = n.names.sharer
	}
	n.names.upstream = upstream.Keep(from, time.Now)
	return n.names.upstream, nil
}

// shared is where answers of the ordinary DNS are shared.
type shared struct{ dht *dht.DHT }

// Look implements upstream.Shared. A record that lies here is taken as it is: it
// is good until it ends.
func (s shared) Look(ctx context.Context, id wire.RecordID) ([]byte, error) {
	if value, ok := s.dht.Held(ctx, wire.RecordChain, id); ok {
		return value, nil
	}
	return s.dht.Record(ctx, wire.RecordChain, id)
}

// Put implements upstream.Shared.
func (s shared) Put(ctx context.Context, id wire.RecordID, value []byte) error {
	_, err := s.dht.PutRecord(ctx, wire.RecordChain, id, value)
	return err
}

// parseAnchors reads the trust anchors of the ordinary DNS.
func parseAnchors(lines []string) (anchors []*dns.DS, err error) {
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		ds, ok := rr.(*dns.DS)
		if err == nil && !ok {
			err = errors.New("no DS record")
		}
		if err != nil {
			return nil, errs.Hint(errs.New("configure", "anchor "+line, errs.Usage, err), `an anchor is a DS record: ". IN DS 20326 8 2 …"`)
		}
		anchors = append(anchors, ds)
	}
	if len(anchors) == 0 {
		anchors = chain.Root()
	}
	return anchors, nil
}
