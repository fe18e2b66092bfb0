package transfer

import (
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Bounds on messages, in bytes of payload. They are part of the format.
const (
	putOpenBytesMax    = 128
	putCloseBytesMax   = wire.ManifestBytesMax + 128
	putReplyBytesMax   = 512
	getRequestBytesMax = 64
	getReplyBytesMax   = wire.ManifestBytesMax + wire.SharesMax + 512
	// RefusalTextBytesMax is the most bytes of a refusal's text.
	RefusalTextBytesMax = 200
	// RangeBytesMax is the most bytes of a share that one request asks for: the
	// largest fragment there is.
	RangeBytesMax = wire.SealedBytesMax
)

// sliceBytesMax is the most bytes of a slice in answer to one request.
var sliceBytesMax = extent.SliceBytes(wire.ShareBytesMax, 16<<10-1, RangeBytesMax)

// Defaults of ServerConfig.
const (
	PutStreamsPerPeerMax  = 96
	PutStreamsMax         = 384
	PutBytesPerPeerMax    = 128 << 20
	PutBytesMax           = 256 << 20
	GetStreamsPerPeerMax  = 16
	GetStreamsMax         = 192
	ServerProgressTimeout = 30 * time.Second
	ServerIdleTimeout     = 90 * time.Second
	// ServerBytesPerSecondMin is below what the slowest line gives, and far
	// above one byte a second.
	ServerBytesPerSecondMin = 1 << 10
	// LeaseSecondsMax is the longest lease that is granted, in seconds of the
	// holder's uptime: a year.
	LeaseSecondsMax = 365 * 24 * 3600
)

// Defaults of UploadConfig.
const (
	UploadStripesInFlight = 4
	// UploadStreamsPerHolder is well below PutStreamsPerPeerMax, so that several
	// uploads of one writer find room at a holder.
	UploadStreamsPerHolder = 24
	UploadLinger           = 10 * time.Second
	UploadPatience         = time.Second
	UploadOpenTimeout      = 5 * time.Second
	UploadStallTimeout     = 5 * time.Second
	UploadReceiptTimeout   = 20 * time.Second
	// UploadIdleAfter is below ServerProgressTimeout: the writer ends a stream
	// for which it has nothing before the holder does.
	UploadIdleAfter = 10 * time.Second
	UploadHedgeMin  = time.Second
	// UploadLeaseSecondsMin is the shortest lease that counts: a day of uptime.
	UploadLeaseSecondsMin = 24 * 3600
)

// Defaults of FetcherConfig.
const (
	FetchRequestBytes       = 1 << 20
	FetchAheadBytesMax      = 64 << 20
	FetchStreamsPerPeerMax  = 8
	FetchIdlePerPeerMax     = 4
	FetchIdleMax            = 128
	FetchIdleTimeout        = 30 * time.Second
	FetchOpenTimeout        = 5 * time.Second
	FetchStallTimeout       = 5 * time.Second
	FetchBytesPerSecondMin  = 16 << 10
	FetchHedgeMin           = 100 * time.Millisecond
	FetchHedgeFirst         = 500 * time.Millisecond
	FetchHedgeMax           = 2 * time.Second
	FetchManifestsMax       = 256
	FetchPeersMax           = 4096
	FetchLocatedMax         = 64
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
