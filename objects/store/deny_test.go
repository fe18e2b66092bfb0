package store

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

func deny(t *testing.T, s *Shares, d Denied) (freed uint64) {
	t.Helper()
	ended, err := s.Deny(Denial{Denied: d, Since: time.Unix(1000, 0), Reason: "asked to"})
	if err == nil {
		freed, err = s.Drop(ended...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return freed
}

// A denied object leaves at once and stays away, over restarts, until it is
// allowed again; what another object leases stays.
func TestADeniedObjectLeaves(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, store, Config{})
			first, second := large(t, 1), small(t, 2)
			shared := second
			shared.Object = wire.ObjectID{77}
			for _, in := range []Incoming{first, second, shared} {
				put(t, s, in)
			}
			what := Denied{DeniedObject, first.Object}
			if freed := deny(t, s, what); freed != charge(uint64(len(first.Data))) {
				t.Errorf("%d bytes are freed", freed)
			}
			wantShare(t, s, shared)
			for range 2 {
				wantError(t, "put", s.Put(first), ErrDenied, errs.Refused)
				wantError(t, "renew", s.Renew(second.Object, second.Author, second.Manifest.ID(), second.Index, 100), ErrDenied, errs.Refused)
				s = open(t, store, Config{})
			}
			if was, err := s.Allow(what); !was || err != nil {
				t.Errorf("allowed: %v, %v", was, err)
			}
			if was, err := s.Allow(what); was || err != nil {
				t.Errorf("allowed twice: %v, %v", was, err)
			}
			put(t, s, first)
			wantShare(t, s, first)
		})
	}
}

// An extent that is denied is gone, whoever leases it, and others are not.
func TestADeniedExtentLeaves(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	in, other := small(t, 1), small(t, 2)
	again := in
	again.Object = wire.ObjectID{77}
	for _, in := range []Incoming{in, again, other} {
		put(t, s, in)
	}
	ended, err := s.Deny(Denial{Denied: Denied{DeniedExtent, in.Manifest.ID()}})
	if err != nil || len(ended) != 2 {
		t.Fatalf("%d leases end, %v", len(ended), err)
	}
	// It is not served from here on, before it is dropped.
	wantError(t, "read", s.Slice(&bytes.Buffer{}, in.Manifest.ID(), in.Index, 0, 10), ErrDenied, errs.Refused)
	_, err = s.Manifest(in.Manifest.ID())
	wantError(t, "manifest", err, ErrDenied, errs.Refused)
	if freed, err := s.Drop(ended...); err != nil || freed != charge(uint64(len(in.Data))) {
		t.Errorf("%d bytes are freed, %v", freed, err)
	}
	for _, in := range []Incoming{in, again} {
		wantError(t, "put", s.Put(in), ErrDenied, errs.Refused)
	}
	wantShare(t, s, other)
}

func TestDenialsAreListed(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	extent, object := Denied{DeniedExtent, [32]byte{1}}, Denied{DeniedObject, [32]byte{2}}
	deny(t, s, object)
	deny(t, s, extent)
	var all []Denial
	if err := s.Denials(func(d Denial) bool { all = append(all, d); return true }); err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Denied != extent || all[1].Denied != object || all[0].Reason != "asked to" || all[0].Since.Unix() != 1000 {
		t.Errorf("%+v", all)
	}
}

func TestBadDenials(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	for name, d := range map[string]Denial{
		"no kind":       {},
		"a long reason": {Denied: Denied{Kind: DeniedObject}, Reason: strings.Repeat("x", DenialReasonBytesMax+1)},
		"not text":      {Denied: Denied{Kind: DeniedObject}, Reason: "\xff"},
	} {
		if _, err := s.Deny(d); errs.KindOf(err) != errs.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever step fails or is the last before a crash, doing it again ends it, and
// the counts are those of the disk.
func TestEveryFailureOfADenialIsMended(t *testing.T) {
	const steps = 4 // what is noted, two parts of leases, the sync
	for step := range steps {
		for _, fault := range []kvtest.Fault{kvtest.NotDone, kvtest.Reported} {
			store := kvtest.NewMemory()
			s := open(t, store, Config{})
			object, _ := many(t, s)
			if err := store.Sync(); err != nil {
				t.Fatal(err)
			}
			store.Inject(func(at int) kvtest.Fault {
				if at == step {
					return fault
				}
				return kvtest.None
			})
			what := Denied{DeniedObject, object}
			if _, err := s.Deny(Denial{Denied: what}); err != nil && !errors.Is(err, kvtest.ErrInjected) {
				t.Fatal(err)
			}
			store.Inject(nil)
			store.Crash()
			s = open(t, store, Config{})
			deny(t, s, what)
			if u := s.Usage(); u.Shares != 0 || s.ledger.has(object) {
				t.Errorf("step %d, fault %d: left %+v", step, fault, u)
			}
		}
	}
}
