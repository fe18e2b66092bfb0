package replica

import (
	"time"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// Bounds on what others can make this peer hold and do.
const (
	// CopiesMax and CopyBytesMax bound the records that are copied here or from
	// here, in memory; CopiesPerLinkMax those that one peer can bring.
	CopiesMax        = 1 << 17
	CopyBytesMax     = 64 << 20 // bytes of values
	CopiesPerLinkMax = CopiesMax / 4
	// LinksMax is the most peers that bring copies, LinesMax the most that this
	// peer brings copies to.
	LinksMax = 256
	LinesMax = 128
	// sourcesMax is the most links that one copy is known to come by.
	sourcesMax = 3
	// A cell is one of the 3,840 parts into which three digits cut what lies at a
	// row. Keys are spread evenly over them, so what one home places fills few of
	// them: a cell may hold eight times its share of all copies.
	cellShares   = cellsPerRow / 8
	cellsPerRow  = (beehive.Base - 1) * beehive.Base * beehive.Base
	cellCountMin = 64
	cellBytesMin = 4 * ValueBytesMax
	// changesBurst is how often a copied record may change at once, changeEvery
	// how often on average: one that changes more often is copied by nobody for
	// restlessFor, for each change goes to every peer that has a copy.
	// restlessMax of those are remembered.
	changesBurst = 8
	changeEvery  = 30 * time.Second
	restlessFor  = 10 * time.Minute
	restlessMax  = 4096
	// forgedMax is how many records that are none one link may bring, owesMax of
	// how many it may be known to bring old ones.
	forgedMax = 16
	owesMax   = 64

	// KeyBytesMax and ValueBytesMax bound a record.
	KeyBytesMax   = 160
	ValueBytesMax = wire.HeadBytesMax
	// CountsMax is the most counts of one report, countMax the most lookups of
	// one record that it can tell of.
	CountsMax = 512
	countMax  = 1 << 16
	// reportedMax is how many lookups one peer can add to the counts in a tick,
	// and reportedKeysMax of how many records; reportersMax how many peers can.
	reportedMax     = 1 << 18
	reportedKeysMax = beehive.CountedMax / 4
	reportersMax    = 1024
	// addressesMax and addressBytesMax bound how a contact can be reached.
	addressesMax    = 16
	addressBytesMax = 256

	messageBytesMax  = ValueBytesMax + KeyBytesMax + 64
	findBytesMax     = ValueBytesMax + addressesMax*(addressBytesMax+8) + 128
	standingBytesMax = addressesMax*(addressBytesMax+8) + 128
	reportBytesMax   = CountsMax*(KeyBytesMax+16) + 64
	sumBytesMax      = (beehive.Buckets + 4) * 9
	// messageCost is what a message takes of a budget at least, in bytes: each
	// makes the one who gets it look for something. checkCost is what a record
	// takes beside that whose signatures are to be checked.
	messageCost = 256
	checkCost   = 1024
	// windowMax is how many messages a contact may have to confirm before it is
	// sent more of what it lacks: a word that all is new must not wait behind it.
	windowMax = 8
)

// Budgets of traffic.
var (
	// sendBudget is what this peer spends on copies that others lack. A change
	// of what they have goes first, makes the rest wait, and has changeBudget.
	sendBudget   = p2p.Rate{PerSecond: beehive.PushBytesPerSecond, Burst: 1 << 20}
	changeBudget = p2p.Rate{PerSecond: 4 * beehive.PushBytesPerSecond, Burst: 4 << 20}
	// takeBudget is what all others together can make this peer take; above it
	// they wait, but for linkBudget, which each has for itself: whoever floods
	// this peer does not silence the others.
	takeBudget = p2p.Rate{PerSecond: 12 * beehive.PushBytesPerSecond, Burst: 8 << 20}
	linkBudget = p2p.Rate{PerSecond: 1024, Burst: 64 << 10}

	lineLimits = p2p.Limits{
		PerPeer: p2p.Rate{PerSecond: .5, Burst: 10}, PerGroup: p2p.Rate{PerSecond: 20, Burst: 200},
		OpenPerPeer: 2, OpenTotal: LinksMax,
	}
	findLimits     = p2p.Limits{PerPeer: p2p.Rate{PerSecond: 50, Burst: 500}, OpenPerPeer: 64, OpenTotal: 1024}
	standingLimits = p2p.Limits{PerPeer: p2p.Rate{PerSecond: 50, Burst: 500}, OpenPerPeer: 16, OpenTotal: 256}
	reportLimits   = p2p.Limits{PerPeer: p2p.Rate{PerSecond: 2, Burst: 100}, OpenPerPeer: 4, OpenTotal: 256}
	sumLimits      = p2p.Limits{PerPeer: p2p.Rate{PerSecond: 2, Burst: 50}, OpenPerPeer: 4, OpenTotal: 256}
)

const (
	// beatEvery is how often a line says that there is nothing new, staleAfter
	// how old the last word may be for a copy to be given out. A sender of row 0
	// is the record's home, and each row adds one peer on the way, so a link of
	// row r may be staleBase + r·staleRow old at most: none can make what this
	// peer passes on look older than it is.
	beatEvery  = 2 * time.Second
	staleAfter = beehive.StaleSecondsMax * time.Second
	staleBase  = 5 * time.Second
	staleRow   = 2500 * time.Millisecond
	// slowAfter is how long a peer may take to confirm a change before another
	// contact is given it too, and demoteEvery how often that may happen to one
	// line: a busy machine must not make peers send all copies anew.
	slowAfter   = 400 * time.Millisecond
	demoteEvery = 30 * time.Second
	// messageTimeout bounds the writing of one message, askTimeout a question
	// and its answer, hopTimeout a step of a lookup that somebody waits for,
	// findTimeout all of its steps.
	messageTimeout = 5 * time.Second
	askTimeout     = 5 * time.Second
	hopTimeout     = 300 * time.Millisecond
	findTimeout    = 500 * time.Millisecond
	// hopsMax is how many peers a lookup asks before it is given up.
	hopsMax = 6
	// meetEvery is how often the table is brought in line with the peers that
	// are known, relayEvery how often counts of others are passed on.
	meetEvery  = 10 * time.Second
	relayEvery = 10 * time.Second
	// askedAtOnce is how many contacts are asked for their sums at a time.
	askedAtOnce = 8
)
