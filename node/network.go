package node

import (
	"context"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
)

// Limits of the share protocols. A writer opens a stream for each share of an
// extent; where peers are few, one peer takes many of them.
var (
	putLimits = p2p.Limits{PerPeer: p2p.Rate{PerSecond: 500, Burst: 2000}, PerGroup: p2p.Rate{PerSecond: 2000, Burst: 8000},
		OpenPerPeer: transfer.PutStreamsPerPeerMax, OpenTotal: transfer.PutStreamsMax}
	getLimits = p2p.Limits{PerPeer: p2p.Rate{PerSecond: 200, Burst: 1000}, PerGroup: p2p.Rate{PerSecond: 1000, Burst: 4000},
		OpenPerPeer: transfer.GetStreamsPerPeerMax, OpenTotal: transfer.GetStreamsMax}
)

// network opens streams for package transfer.
type network struct {
	host *p2p.Host
	lost func(wire.PeerID) // told of peers to which no stream could be opened
}

func (n network) Open(ctx context.Context, peer wire.PeerID, protocol string) (transfer.Stream, error) {
	s, err := n.host.Open(ctx, peer, protocol)
	if err != nil {
		if ctx.Err() == nil {
			n.lost(peer)
		}
		return nil, err // not s: a nil *p2p.Stream would be a Stream
	}
	if protocol == transfer.ProtocolPut {
		return observed{s, ctx}, nil
	}
	return s, nil
}

// observed tells the request that opened the stream whenever bytes have left:
// the last of a put wait for slow lines long after all has been read.
type observed struct {
	transfer.Stream
	ctx context.Context
}

func (o observed) Write(p []byte) (int, error) {
	n, err := o.Stream.Write(p)
	if n > 0 {
		api.Report(o.ctx, api.Progress{Phase: "storing", Unit: "bytes"})
	}
	return n, err
}
