package kvtest

import (
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/kv"
)

func TestMemoryConforms(t *testing.T) {
	Conformance(t, func(*testing.T) kv.Store { return NewMemory() })
}

func TestCrashForgetsWhatWasNotSynced(t *testing.T) {
	m := NewMemory()
	Set(t, m, "a", "1")
	if err := m.Sync(); err != nil {
		t.Fatal(err)
	}
	for _, kept := range []struct {
		updates int
		b, c    string
	}{{0, "absent", "absent"}, {1, "1", "absent"}, {2, "1", "1"}, {9, "1", "1"}} {
		Set(t, m, "b", "1")
		Set(t, m, "c", "1")
		m.CrashKeeping(kept.updates)
		if Get(t, m, "a") != "1" || Get(t, m, "b") != kept.b || Get(t, m, "c") != kept.c || m.Pending() != 0 {
			t.Errorf("keeping %d: a=%s b=%s c=%s", kept.updates, Get(t, m, "a"), Get(t, m, "b"), Get(t, m, "c"))
		}
		if err := m.Update(func(w kv.Writer) error { return errors.Join(w.Delete([]byte("b")), w.Delete([]byte("c"))) }); err != nil {
			t.Fatal(err)
		}
		if err := m.Sync(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFaults(t *testing.T) {
	m := NewMemory()
	set := func(w kv.Writer) error { return w.Set([]byte("a"), []byte("1")) }
	m.Fill(true)
	if err := m.Update(set); !errors.Is(err, kv.ErrFull) {
		t.Errorf("full: %v", err)
	}
	if err := m.Update(func(w kv.Writer) error { return w.Delete([]byte("a")) }); err != nil {
		t.Errorf("deleting when full: %v", err)
	}
	m.Fill(false)
	m.Inject(func(step int) Fault { return map[int]Fault{0: NotDone, 1: Reported}[step] })
	if err := m.Update(set); !errors.Is(err, ErrInjected) || Get(t, m, "a") != "absent" {
		t.Errorf("not done: %v, a=%s", err, Get(t, m, "a"))
	}
	if err := m.Update(set); !errors.Is(err, ErrInjected) || Get(t, m, "a") != "1" {
		t.Errorf("reported: %v, a=%s", err, Get(t, m, "a"))
	}
	if err := m.Update(set); err != nil || m.Steps() != 3 {
		t.Errorf("third step: %v, %d steps", err, m.Steps())
	}
	if !m.Flip([]byte("a"), 0) || m.Flip([]byte("a"), 8) || Get(t, m, "a") != "0" {
		t.Errorf("flipped: a=%s", Get(t, m, "a"))
	}
	m.Rot([]byte("a"))
	err := m.View(func(r kv.Reader) error { return r.Get([]byte("a"), func([]byte) error { return nil }) })
	if !errors.Is(err, kv.ErrDamaged) || len(m.Keys([]byte("a"))) != 1 {
		t.Errorf("rotten: %v", err)
	}
	Set(t, m, "a", "2")
	if Get(t, m, "a") != "2" {
		t.Error("a value set anew is still rotten")
	}
}
