package store

import (
	"cmp"
	"slices"
	"sync"

	"github.com/atollnet/atoll/internal/wire"
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
	QuotaBytes  uint64
	FreeBytes   uint64 // what the quota leaves
	Shares      int
	Damaged     int // shares found damaged on disk, not served
}

// ledger counts what is stored, in all and by whom. It is safe for concurrent
// use.
type ledger struct {
	limits Config

	mu      sync.Mutex
	usage   Usage
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

// admit reports why a change is too much, or nil.
func (l *ledger) admit(c change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.share && l.usage.StoredBytes+c.bytes > l.limits.QuotaBytes {
		return fail(ErrQuota, "%d of %d bytes stored", l.usage.StoredBytes, l.limits.QuotaBytes)
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
	u.QuotaBytes = l.limits.QuotaBytes
	u.FreeBytes = u.QuotaBytes - min(u.StoredBytes, u.QuotaBytes)
	return u
}
