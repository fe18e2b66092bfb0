package transfer

import (
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

// Bounds on messages, in bytes of payload. They are part of the format.
const (
	putOpenBytesMax    = 128
	putCloseBytesMax   = wire.ManifestBytesMax + 128
	putReplyBytesMax   = 512
	keepOpenBytesMax   = wire.HeadBytesMax + wire.ManifestBytesMax + 512
	getRequestBytesMax = 64

	releaseOpenBytesMax = wire.HeadBytesMax + ReleaseExtentsMax*(wire.HashSize+4) + 512
	deletionBytesMax    = wire.HeadBytesMax + DeletionBytesMax + 128
	getReplyBytesMax    = wire.ManifestBytesMax + wire.SharesMax + 512
	noticeBytesMax      = NoticeExtentsMax*(wire.HashSize+4) + 128
	noticeReplyBytesMax = NoticeExtentsMax + 512
	// RefusalTextBytesMax is the most bytes of a refusal's text.
	RefusalTextBytesMax = 200
	// RangeBytesMax is the most bytes of a share that one request asks for: the
	// largest fragment there is.
	RangeBytesMax = wire.SealedBytesMax
)

// Defaults of ServerConfig.
const (
	PutStreamsPerPeerMax  = 96
	PutStreamsMax         = 384
	PutBytesPerPeerMax    = 128 << 20
	PutBytesMax           = 256 << 20
	GetStreamsPerPeerMax  = 16
	GetStreamsMax         = 192
	serverProgressTimeout = 30 * time.Second
	serverIdleTimeout     = 90 * time.Second
	// serverBytesPerSecondMin is below what the slowest line gives, and far
	// above one byte a second.
	serverBytesPerSecondMin = 1 << 10
	// LeaseSecondsMax is the longest lease that is granted, in seconds of the
	// holder's uptime: a year.
	LeaseSecondsMax = 365 * 24 * 3600
)

// Defaults of UploadConfig.
const (
	uploadStripesInFlight = 16
	// uploadStreamsPerHolder is well below PutStreamsPerPeerMax, so that several
	// uploads of one writer find room at a holder.
	uploadStreamsPerHolder = 24
	uploadLinger           = 10 * time.Second
	uploadPatience         = time.Second
	uploadOpenTimeout      = 5 * time.Second
	uploadStallTimeout     = 5 * time.Second
	uploadReceiptTimeout   = 20 * time.Second
	// refusalWait is how long the word of a holder that broke off the stream is
	// waited for: it was sent before.
	refusalWait = 250 * time.Millisecond
	// uploadIdleAfter is below serverProgressTimeout: the writer ends a stream
	// for which it has nothing before the holder does.
	uploadIdleAfter = 10 * time.Second
	uploadHedgeMin  = time.Second
	// uploadLeaseSecondsMin is the shortest lease that counts: a day of uptime.
	uploadLeaseSecondsMin = 24 * 3600
)

// Defaults of FetcherConfig.
const (
	fetchRequestBytes       = 1 << 20
	fetchAheadBytesMax      = 64 << 20
	fetchStreamsPerPeerMax  = 8
	fetchIdlePerPeerMax     = 4
	fetchIdleMax            = 128
	fetchIdleTimeout        = 30 * time.Second
	fetchOpenTimeout        = 5 * time.Second
	fetchStallTimeout       = 5 * time.Second
	fetchBytesPerSecondMin  = 16 << 10
	fetchHedgeMin           = 100 * time.Millisecond
	fetchHedgeFirst         = 500 * time.Millisecond
	fetchHedgeMax           = 2 * time.Second
	fetchManifestsMax       = 256
	fetchPeersMax           = 4096
	fetchLocatedMax         = 64
	fetchLocateAtOnce       = 8
	fetchBatchesAhead       = 1
	fetchHoldingsMax        = 4 * wire.SharesMax
	fetchFailurePenalty     = time.Second
	fetchFailurePenaltyMax  = 5 * time.Minute
	fetchLiePenalty         = time.Hour
	fetchUnknownSeconds     = 0.005
	fetchUnknownBytesPerSec = 50e6
)

// pieceBytes is how much one Write hands to a stream, so that the progress
// deadline runs anew for each.
const pieceBytes = 64 << 10
