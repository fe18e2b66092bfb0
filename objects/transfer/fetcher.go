package transfer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Holding is a share at a peer.
type Holding struct {
	Peer  wire.PeerID
	Share int
}

// Source says where an extent may be read. Holders may be wrong, and none need
// be named if the fetcher can locate them.
type Source struct {
	Extent  wire.ExtentID
	Holders []Holding
}

// FetcherConfig is what a Fetcher is made of. Network is required; fields that
// are zero take their defaults where one is named.
type FetcherConfig struct {
	Network Network
	// Locate names peers that may hold shares of an extent, beyond those that a
	// Source names; nil if there is no way to find them.
	Locate func(ctx context.Context, id wire.ExtentID) ([]wire.PeerID, error)
	// Distance estimates the round trip to a peer that was never asked; nil if
	// nothing is known.
	Distance func(peer wire.PeerID) (time.Duration, bool)

	// RequestBytes is the most bytes of a share that one request asks for,
	// unless a single fragment has more. A Read holds k times as many, decoded
	// and not, of the part that it delivers, and of one more part ahead if
	// AheadBytesMax allows.
	RequestBytes int
	// AheadBytesMax bounds what all Reads together fetch ahead.
	AheadBytesMax int

	StreamsPerPeerMax int // in use at once; more requests wait
	IdlePerPeerMax    int // streams kept open for the next request
	IdleMax           int
	IdleTimeout       time.Duration

	OpenTimeout       time.Duration
	StallTimeout      time.Duration // without progress, after which a request has failed
	BytesPerSecondMin int           // least average rate of an answer
	// HedgeMin, HedgeFirst and HedgeMax are when a request counts as late, and
	// a spare is asked for another share. While less than half of the shares
	// of a part have come: after HedgeFirst, or three times as long as the peer
	// is likely to take, but HedgeMax at most. Then: after three times as long
	// as half of them took, but HedgeMin at least.
	HedgeMin, HedgeFirst, HedgeMax time.Duration

	ManifestsMax int // kept
	PeersMax     int // whose speed is remembered
	LocatedMax   int // peers asked of those that Locate names
}

func (c *FetcherConfig) defaults() {
	setDefault(&c.RequestBytes, fetchRequestBytes)
	setDefault(&c.AheadBytesMax, fetchAheadBytesMax)
	setDefault(&c.StreamsPerPeerMax, fetchStreamsPerPeerMax)
	setDefault(&c.IdlePerPeerMax, fetchIdlePerPeerMax)
	setDefault(&c.IdleMax, fetchIdleMax)
	setDefault(&c.IdleTimeout, fetchIdleTimeout)
	setDefault(&c.OpenTimeout, fetchOpenTimeout)
	setDefault(&c.StallTimeout, fetchStallTimeout)
	setDefault(&c.BytesPerSecondMin, fetchBytesPerSecondMin)
	setDefault(&c.HedgeMin, fetchHedgeMin)
	setDefault(&c.HedgeFirst, fetchHedgeFirst)
	setDefault(&c.HedgeMax, fetchHedgeMax)
	setDefault(&c.ManifestsMax, fetchManifestsMax)
	setDefault(&c.PeersMax, fetchPeersMax)
	setDefault(&c.LocatedMax, fetchLocatedMax)
}

// Fetcher reads extents from their holders. It is safe for concurrent use, and
// remembers how fast peers were. A goroutine of its own runs only while a call
// does; Close ends the streams that are kept open.
type Fetcher struct {
	cfg       FetcherConfig
	pool      *pool
	peers     *peerTable
	manifests *manifestCache
	ahead     *gate // bytes fetched ahead
}

// NewFetcher returns a Fetcher.
func NewFetcher(c FetcherConfig) *Fetcher {
	c.defaults()
	return &Fetcher{
		cfg:       c,
		pool:      newPool(c),
		peers:     newPeerTable(c.PeersMax, c.Distance),
		manifests: newManifestCache(c.ManifestsMax),
		ahead:     newGate(c.AheadBytesMax, c.AheadBytesMax),
	}
}

// Close ends the streams that are kept open. Calls under way go on.
func (f *Fetcher) Close() { f.pool.close() }

// Bad returns how many answers so far did not prove what they claimed.
func (f *Fetcher) Bad() uint64 { return f.peers.bad.Load() }

// Read yields the sealed blocks of the stripes [from, to) in order, each
// checked against the manifest; yield may keep them. An error of yield ends the
// read and is returned. Else the error is of kind TooFew if not enough shares
// could be had, or Damaged (ErrCoding) if the author encoded badly.
func (f *Fetcher) Read(ctx context.Context, s Source, from, to int, yield func(stripe int, sealed []byte) error) error {
	m, err := f.Manifest(ctx, s)
	if err != nil {
		return err
	}
	if from < 0 || to > len(m.Stripes) || from >= to {
		return fmt.Errorf("%w: stripes [%d, %d) of %d", ErrInput, from, to, len(m.Stripes))
	}
	code, err := extent.NewCode(int(m.K), int(m.N))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &reading{f: f, id: s.Extent, m: m, code: code, roster: newRoster(ctx, f, s, int(m.N))}
	defer r.roster.wait()
	defer cancel()
	return r.run(ctx, cutParts(m, from, to, f.cfg.RequestBytes), yield)
}

// Holders returns who is said to hold shares of the extent: those that the
// source names and those that can be located, without asking for a proof.
func (f *Fetcher) Holders(ctx context.Context, s Source) []Holding {
	ctx, cancel := context.WithCancel(ctx)
	r := newRoster(ctx, f, s, wire.SharesMax)
	defer r.wait()
	defer cancel()
	return r.all(ctx)
}

// tooFew is the error when an extent cannot be had.
func tooFew(id wire.ExtentID, cause error) error {
	return errs.New("read extent", id.String(), errs.TooFew, cause)
}

// part is a run of stripes that is fetched with one request to each holder.
type part struct {
	from, to       int // stripes
	offset, length int // of the range, in every share
}

// cutParts cuts stripes [from, to) into as few parts of at most max bytes as
// possible, alike in size, and each of at least a stripe.
func cutParts(m *extent.Manifest, from, to, max int) []part {
	begin, _ := m.Fragment(from)
	last, n := m.Fragment(to - 1)
	count := (last + n - begin + max - 1) / max
	fair := (last + n - begin + count - 1) / count
	var parts []part
	var p part
	for i := from; i < to; i++ {
		offset, n := m.Fragment(i)
		if p.length > 0 && (p.length+n > max || p.length >= fair) {
			parts = append(parts, p)
			p = part{}
		}
		if p.length == 0 {
			p.from, p.offset = i, offset
		}
		p.to, p.length = i+1, p.length+n
	}
	return append(parts, p)
}

// unique returns the peers of holdings, each once.
func unique(holdings []Holding) []wire.PeerID {
	var peers []wire.PeerID
	for _, h := range holdings {
		if !slices.Contains(peers, h.Peer) {
			peers = append(peers, h.Peer)
		}
	}
	return peers
}
