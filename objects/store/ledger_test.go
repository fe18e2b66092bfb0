package store

import (
	"encoding/binary"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

func TestBudgets(t *testing.T) {
	first, second := small(t, 1), small(t, 2)
	each := charge(uint64(len(first.Data)))
	for name, c := range map[string]Config{
		"author": {AuthorBytesMax: 2*each - 1},
		"object": {ObjectBytesMax: 2*each - 1},
	} {
		store := kvtest.NewMemory()
		s := open(t, store, c)
		put(t, s, first)
		wantError(t, name, s.Put(second), ErrBudget, errs.Full)
		s = open(t, store, c)
		wantError(t, name+", opened again", s.Put(second), ErrBudget, errs.Full)
		put(t, s, first) // a renewal costs nothing
		free := second
		free.Author, free.Object = wire.PublicKey{8}, wire.ObjectID{8}
		put(t, s, free)
	}
}

// A lease is charged to whoever asked last.
func TestLeaseTakenOverFreesTheFormerAuthor(t *testing.T) {
	first, second := small(t, 1), small(t, 2)
	each := charge(uint64(len(first.Data)))
	s := open(t, kvtest.NewMemory(), Config{AuthorBytesMax: each})
	put(t, s, first)
	taken := first
	taken.Author = wire.PublicKey{9}
	put(t, s, taken)
	put(t, s, second)
	wantError(t, "the new author has his budget full", s.Put(Incoming{
		Object: wire.ObjectID{5}, Author: taken.Author, Manifest: second.Manifest,
		Data: second.Data, LeaseSeconds: 1,
	}), ErrBudget, errs.Full)
}

func TestLeasesOfOneShareAreBounded(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	in := small(t, 1)
	for i := range LeasesPerShareMax {
		binary.BigEndian.PutUint32(in.Object[:], uint32(i))
		put(t, s, in)
	}
	in.Object = wire.ObjectID{0xff}
	wantError(t, "one more", s.Put(in), ErrBudget, errs.Full)
	in.Object = wire.ObjectID{}
	put(t, s, in)
}

func TestAccountsAreBounded(t *testing.T) {
	l := newLedger(Config{QuotaBytes: 1 << 60, AuthorBytesMax: 1 << 60, ObjectBytesMax: 1 << 60})
	c := change{share: true, lease: true, bytes: 1}
	for i := range AccountsMax {
		binary.BigEndian.PutUint32(c.author[:], uint32(i))
		if err := l.admit(c, 0); err != nil {
			t.Fatal(err)
		}
		l.apply(c)
	}
	stranger := c
	stranger.author = wire.PublicKey{0xff}
	wantError(t, "one more author", l.admit(stranger, 0), ErrBudget, errs.Full)
	if err := l.admit(c, 0); err != nil {
		t.Errorf("an author with an account: %v", err)
	}
}
