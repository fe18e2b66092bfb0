package store

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

const (
	// ShareOverheadBytes is what a share is charged beside its bytes, for its
	// manifest, outboard and keys. It keeps tiny shares from being free.
	ShareOverheadBytes = 4 << 10
	// AccountsMax is the most authors, and the most objects, that have shares
	// here at a time: keys are free, so budgets alone would not bound the
	// table.
	AccountsMax = 1 << 16
	// LeasesPerShareMax is the most objects that may lease one share.
	LeasesPerShareMax = 256
)

// Usage is what is stored and what may be.
type Usage struct {
	StoredBytes uint64 // shares, and ShareOverheadBytes for each
	FileBytes   uint64 // what the files of shares take of the disk
	DiskBytes   uint64 // these, and what the key-value store takes beside them
	QuotaBytes  uint64
	FreeBytes   uint64 // what the quota leaves, by either count
	Shares      int
	Damaged     int // shares found damaged on disk, not served
}

// ledger counts what is stored, in all and by whom. It is safe for concurrent
// use.
type ledger struct {
	limits Config

	mu      sync.Mutex
	usage   Usage
	coming  uint64 // bytes of files that are being written
	authors map[wire.PublicKey]account
	objects map[wire.ObjectID]account
}

// account is what the leases of one author or object come to.
type account struct {
	bytes  uint64
	leases int
}

// change is what a Put adds to the ledger.
type change struct {
	bytes    uint64 // charged for the share
	disk     uint64 // more that its file takes of the disk
	share    bool   // the share is new here
	lease    bool   // the lease is new
	object   wire.ObjectID
	author   wire.PublicKey
	previous wire.PublicKey // who was charged for the lease, if it is not new
	healed   bool           // the share was marked as damaged
}

func charge(shareBytes uint64) uint64 { return shareBytes + ShareOverheadBytes }

func newLedger(limits Config) *ledger {
	return &ledger{
		limits:  limits,
		authors: make(map[wire.PublicKey]account),
		objects: make(map[wire.ObjectID]account),
	}
}

// admit reports why a change is too much, or nil. Of the files that are being
// written so many bytes are the change's own.
func (l *ledger) admit(c change, own uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.admits(c, own)
}

// reserve is admit, and counts the change's file as being written until unreserve.
func (l *ledger) reserve(c change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.admits(c, 0)
	if err == nil {
		l.coming += c.disk
	}
	return err
}

func (l *ledger) unreserve(bytes uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.coming -= bytes
}

// admits is admit. The caller holds mu.
func (l *ledger) admits(c change, own uint64) error {
	if c.share && l.usage.StoredBytes+c.bytes > l.limits.QuotaBytes {
		return fail(ErrQuota, "%d of %d bytes stored", l.usage.StoredBytes, l.limits.QuotaBytes)
	}
	if c.share {
		disk, left := l.disk()
		coming := l.coming - own
		if disk+coming+c.bytes > l.limits.QuotaBytes-l.limits.headroom() {
			return fail(ErrQuota, "the store takes %d of %d bytes of the disk", disk, l.limits.QuotaBytes)
		}
		if coming+c.bytes > left {
			return errs.New("", "", errs.Full, fmt.Errorf("%w: %d bytes left for shares", kv.ErrFull, left))
		}
	}
	if c.lease || c.author != c.previous {
		if err := admit(l.authors, c.author, c.bytes, l.limits.AuthorBytesMax, "author"); err != nil {
			return err
		}
	}
	if c.lease {
		return admit(l.objects, c.object, c.bytes, l.limits.ObjectBytesMax, "object")
	}
	return nil
}

func admit[K comparable](accounts map[K]account, key K, bytes, limit uint64, kind string) error {
	a, known := accounts[key]
	if !known && len(accounts) >= AccountsMax {
		return fail(ErrBudget, "%d %ss have shares here, the most there may be", len(accounts), kind)
	}
	if a.bytes+bytes > limit {
		return fail(ErrBudget, "this %s has %d of %d bytes here", kind, a.bytes, limit)
	}
	return nil
}

// apply counts a change.
func (l *ledger) apply(c change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.usage.FileBytes += c.disk
	if c.share {
		l.usage.StoredBytes += c.bytes
		l.usage.Shares++
	}
	if c.healed {
		l.usage.Damaged--
	}
	if c.lease {
		add(l.objects, c.object, c.bytes)
	}
	if c.lease || c.author != c.previous {
		add(l.authors, c.author, c.bytes)
	}
	if !c.lease && c.author != c.previous {
		remove(l.authors, c.previous, c.bytes)
	}
}

// drop counts off what was removed.
func (l *ledger) drop(d dropping) {
	l.mu.Lock()
	defer l.mu.Unlock()
	remove(l.authors, d.author, d.bytes)
	remove(l.objects, d.object, d.bytes)
	if d.share {
		l.usage.FileBytes -= d.disk
		l.usage.StoredBytes -= d.bytes
		l.usage.Shares--
	}
	if d.damaged {
		l.usage.Damaged--
	}
}

// Account is what the leases of one author or object come to.
type Account struct {
	Name   string
	Bytes  uint64
	Leases int
}

// accounts lists those who have most, at most max of each.
func (l *ledger) accounts(max int) (authors, objects []Account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return largest(l.authors, max), largest(l.objects, max)
}

func largest[K interface {
	comparable
	String() string
}](accounts map[K]account, max int) []Account {
	all := make([]Account, 0, len(accounts))
	for k, a := range accounts {
		all = append(all, Account{k.String(), a.bytes, a.leases})
	}
	slices.SortFunc(all, func(a, b Account) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return all[:min(max, len(all))]
}

func add[K comparable](accounts map[K]account, key K, bytes uint64) {
	a := accounts[key]
	accounts[key] = account{a.bytes + bytes, a.leases + 1}
}

func remove[K comparable](accounts map[K]account, key K, bytes uint64) {
	a := accounts[key]
	if a.leases--; a.leases <= 0 {
		delete(accounts, key)
		return
	}
	a.bytes -= bytes
	accounts[key] = a
}

// damage counts a share found damaged.
func (l *ledger) damage() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.usage.Damaged++
}

func (l *ledger) current() Usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.usage
	disk, left := l.disk()
	u.QuotaBytes, u.DiskBytes = l.limits.QuotaBytes, disk
	full := u.QuotaBytes - l.limits.headroom()
	u.FreeBytes = min(u.QuotaBytes-min(u.StoredBytes, u.QuotaBytes), full-min(disk+l.coming, full), left-min(l.coming, left))
	return u
}

// disk returns what the whole store takes of the disk, and what is left there
// for shares. The caller holds mu.
func (l *ledger) disk() (taken, left uint64) {
	if l.limits.Room == nil {
		return 0, math.MaxInt64 // not known: charges alone count
	}
	r, err := l.limits.Room()
	if err != nil {
		return l.usage.FileBytes, 0 // nothing is taken while that is not known
	}
	return l.usage.FileBytes + r.OverheadBytes, r.LeftBytes
}

// headroom is the part of the quota that no share may take: the key-value store
// grows on its own account by memtables, by their compaction, and by values that
// its collection moves, and deleting needs room too.
func (c Config) headroom() uint64 {
	if c.Room == nil {
		return 0
	}
	return min(headroomBytesMax, c.QuotaBytes/4)
}

const (
	// headroomBytesMax is what Badger needs for itself, whatever the quota.
	headroomBytesMax = 128 << 20
	// blockBytes is the unit of room on disks, and nameBytes what a file's name
	// takes in a directory.
	blockBytes = 4 << 10
	nameBytes  = 128
)

// diskBytes returns what a share's file takes of the disk; 0 if it lies in none.
func (r record) diskBytes() uint64 {
	if !r.inFile() {
		return 0
	}
	whole := int(r.Bytes) + extent.OutboardBytes(int(r.Bytes))
	return uint64(ceil(whole, blockBytes)*blockBytes + nameBytes)
}
