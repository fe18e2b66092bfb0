package kv

import "errors"

// The errors that callers act on. Errors that a person may see also carry a
// kind and a hint (package errs).
var (
	// ErrNotFound is returned by Get for an absent key.
	ErrNotFound = errors.New("kv: not found")
	// ErrFull is returned when the disk has no room for an update; nothing of
	// it was written.
	ErrFull = errors.New("kv: disk full")
	// ErrLocked is returned by Open when another process has the directory.
	ErrLocked = errors.New("kv: in use by another process")
	// ErrNewer is returned by Open for the directory of a newer release.
	ErrNewer = errors.New("kv: written by a newer release")
	// ErrDamaged is returned when what is on disk is not what was written.
	ErrDamaged = errors.New("kv: damaged")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("kv: closed")
	// ErrTooLarge is returned for an update above the limits.
	ErrTooLarge = errors.New("kv: update too large")
	// ErrNested is returned for a Scan within a Scan of the same Update.
	ErrNested = errors.New("kv: scan within a scan")
)

// Reader reads one state of the store, untouched by concurrent updates.
type Reader interface {
	// Get calls fn with the value of key and returns its error. The value is
	// valid, and must not be changed, within fn. Errors: ErrNotFound,
	// ErrDamaged.
	Get(key []byte, fn func(value []byte) error) error
	// Scan calls fn for the keys that have the prefix and are not before from,
	// in ascending order, until there are no more, fn says so, or fn fails.
	// With keysOnly the value is nil. Both are valid within fn only. Errors:
	// that of fn, ErrDamaged, ErrNested.
	Scan(prefix, from []byte, keysOnly bool, fn func(key, value []byte) (more bool, err error)) error
}

// Writer is a Reader that sees its own changes. Key and value may be reused
// only after the Update has returned.
type Writer interface {
	Reader
	// Set stores value under key. Errors: ErrTooLarge.
	Set(key, value []byte) error
	// Delete removes key, which need not exist. Errors: ErrTooLarge.
	Delete(key []byte) error
}

// Store is an ordered map on disk. It is safe for concurrent use.
type Store interface {
	// View calls fn with the state as it is now.
	View(fn func(Reader) error) error
	// Update calls fn once and applies its changes as a whole, unless fn
	// fails; then nothing is changed. Updates run one after another; fn must
	// not start one. Errors: that of fn, ErrFull, ErrTooLarge, ErrClosed.
	Update(fn func(Writer) error) error
	// Sync returns when all earlier Updates are durable. After it has failed
	// once it fails for good: nobody knows what is on disk until the store is
	// opened again.
	Sync() error
	// Files returns the files that belong to the store.
	Files() Files
	// Room returns what the store takes of the disk and what is left there.
	Room() (Room, error)
	// Close ends all background work, waits for calls under way, and syncs.
	Close() error
}

// Room is what a store has to do with its disk.
type Room struct {
	// OverheadBytes is what it takes, Files apart, as measured within the last
	// second, and what was written since.
	OverheadBytes uint64
	// LeftBytes is what may still be stored for others: the reserve stays free.
	LeftBytes uint64
}

// Limits of keys, values and one Update. Values below ValueSmallMax count in
// full towards UpdateBytesMax, larger ones as 16 bytes.
const (
	KeyBytesMax        = 1 << 10
	ValueBytesMax      = 2 << 20
	ValueSmallMax      = 1 << 10
	UpdateEntriesMax   = 8 << 10
	UpdateBytesMax     = 1 << 20
	UpdateBulkBytesMax = 16 << 20 // of all values, held in memory until written
	entryOverheadBytes = 32
	valuePointerBytes  = 16
)
