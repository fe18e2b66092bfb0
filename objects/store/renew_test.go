package store

import (
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

func TestRenewProlongsALease(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, store, Config{})
			in := small(t, 1)
			put(t, s, in)
			if err := s.Tick(1000); err != nil {
				t.Fatal(err)
			}
			id, custodian := in.Manifest.ID(), wire.PublicKey{9}
			for _, c := range []struct{ seconds, until uint64 }{{month, month + 1000}, {5, month + 1000}, {2 * month, 2*month + 1000}} {
				if err := s.Renew(in.Object, custodian, id, in.Index, c.seconds); err != nil {
					t.Fatal(err)
				}
				l := leaseOf(t, s, in)
				if l.Until != c.until || l.Author != in.Author {
					t.Errorf("renewed for %d s: %+v; want it until %d, charged to its author", c.seconds, l, c.until)
				}
			}
			other := in
			other.Object = wire.ObjectID{77}
			if err := s.Renew(other.Object, custodian, id, in.Index, month); err != nil {
				t.Fatal(err)
			}
			if l := leaseOf(t, s, other); l.Author != custodian {
				t.Errorf("the first lease of another object: %+v; want it charged to who asked", l)
			}
			again := open(t, store, Config{})
			if len(again.ledger.objects) != 2 || again.ledger.authors[custodian] != s.ledger.authors[custodian] {
				t.Errorf("the ledger counts %v, on disk there is %v", s.ledger.authors, again.ledger.authors)
			}
		})
	}
}

func TestRenewRefuses(t *testing.T) {
	store := kvtest.NewMemory()
	s := open(t, store, Config{AuthorBytesMax: 5000})
	in, bad := small(t, 1), small(t, 2)
	in.Author, bad.Author = wire.PublicKey{1}, wire.PublicKey{2}
	put(t, s, in)
	put(t, s, bad)
	id := in.Manifest.ID()
	store.Rot(pieceKey(bad.Manifest.ID(), bad.Index, 0))
	if err := s.Slice(discard{}, bad.Manifest.ID(), bad.Index, 0, 1); err == nil {
		t.Fatal("a damaged share was served")
	}
	wantError(t, "no such share", s.Renew(in.Object, in.Author, id, in.Index+1, month), ErrNotFound, errs.NotFound)
	wantError(t, "a damaged share", s.Renew(bad.Object, bad.Author, bad.Manifest.ID(), bad.Index, month), ErrDamaged, errs.Damaged)
	wantError(t, "budget used up", s.Renew(wire.ObjectID{8}, wire.PublicKey{2}, id, in.Index, month), ErrBudget, errs.Full)
	if err := s.Renew(in.Object, in.Author, id, in.Index, 0); errs.KindOf(err) != errs.Refused {
		t.Errorf("a lease of no time: %v", err)
	}
	if err := s.Renew(in.Object, in.Author, id, in.Index, LeaseSecondsMaxDefault+1); errs.KindOf(err) != errs.Refused {
		t.Errorf("a lease of too long: %v", err)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
