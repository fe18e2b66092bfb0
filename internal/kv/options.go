package kv

import (
	"log/slog"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Options configure Open. The zero value is good.
type Options struct {
	// ReserveBytes of the disk are left free; 0 means ReserveBytesDefault. A
	// disk that fills up under Badger's memory-mapped files would end the
	// process, so updates are refused while there is still room.
	ReserveBytes uint64
	// CollectEvery is how often dead values are looked for; 0 means 10 minutes.
	CollectEvery time.Duration
	// Logger gets Badger's warnings; nil discards them.
	Logger *slog.Logger

	// Free returns the bytes that we may still write to the disk of dir; nil
	// asks the system.
	Free func(dir string) (uint64, error)
}

// ReserveBytesDefault is room for what Badger writes on its own account:
// memtables, their compaction, and values moved by the collection. It is what a
// full disk gives room back with.
const ReserveBytesDefault = 128 << 20

// openBytesMin must be free for Badger to open at all. It is less than the
// reserve: a disk that others have filled up must not keep us from deleting.
const openBytesMin = 48 << 20

const (
	memtableBytes    = 8 << 20
	memtables        = 2
	valueFileBytes   = 64 << 20 // the unit of collection
	collectEvery     = 10 * time.Minute
	collectDeadRatio = 0.5 // of a value file, before it is rewritten
	// movedBytesMax is what one collection writes at most, and Badger on its own
	// account meanwhile.
	movedBytesMax = valueFileBytes/2 + 2*memtableBytes
)

func (o Options) withDefaults() Options {
	if o.ReserveBytes == 0 {
		o.ReserveBytes = ReserveBytesDefault
	}
	if o.CollectEvery == 0 {
		o.CollectEvery = collectEvery
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Free == nil {
		o.Free = DiskFree
	}
	return o
}

// badgerOptions are those under which Badger needs 15 to 25 MiB of memory.
func (o Options) badgerOptions(index, values string) badger.Options {
	b := badger.DefaultOptions(index)
	b.ValueDir = values
	b.Logger = logAdapter{o.Logger}
	b.MetricsEnabled = false
	b.DetectConflicts = false // updates run one after another

	b.MemTableSize = memtableBytes
	b.NumMemtables = memtables
	b.NumCompactors = 2 // the fewest that Badger takes
	b.NumGoroutines = 1
	b.ValueThreshold = ValueSmallMax
	b.ValueLogFileSize = valueFileBytes

	// Values are ciphertext, and the index is small: compression would buy
	// nothing and cost a cache, since blocks are read from mapped files.
	b.Compression = options.None
	b.BlockCacheSize = 0
	b.IndexCacheSize = 0

	// Sync does it, once for all who wait.
	b.SyncWrites = false
	b.VerifyValueChecksum = true
	b.ChecksumVerificationMode = options.OnTableRead
	return b
}
