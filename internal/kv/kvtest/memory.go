package kvtest

import (
	"math"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/atollnet/atoll/internal/kv"
)

// Memory is a kv.Store that forgets on Crash what was not synced.
type Memory struct {
	writing sync.Mutex // held by the one Update that runs

	mu      sync.Mutex // guards what follows
	now     state
	durable state
	pending []batch // applied to now, not yet durable
	closed  bool
	full    bool
	steps   int
	fault   func(step int) Fault
	rotten  map[string]bool   // keys and names of files
	files   map[string][]byte // durable; a file is replaced, never changed
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{rotten: make(map[string]bool), files: make(map[string][]byte)}
}

type (
	entry struct {
		key   string
		value []byte
	}
	// state is sorted by key and never changed once made.
	state []entry
	// batch is what one Update changes; a nil value deletes.
	batch map[string][]byte
)

func (s state) find(key string) (int, bool) {
	return sort.Find(len(s), func(i int) int { return strings.Compare(key, s[i].key) })
}

// with returns the state after b.
func (s state) with(b batch) state {
	after := make(state, 0, len(s)+len(b))
	for _, e := range s {
		if _, changed := b[e.key]; !changed {
			after = append(after, e)
		}
	}
	for key, value := range b {
		if value != nil {
			after = append(after, entry{key, value})
		}
	}
	slices.SortFunc(after, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return after
}

// View implements kv.Store.
func (m *Memory) View(fn func(kv.Reader) error) error {
	now, err := m.current()
	if err != nil {
		return err
	}
	return fn(snapshot{m, now})
}

func (m *Memory) current() (state, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, kv.ErrClosed
	}
	return m.now, nil
}

// Update implements kv.Store.
func (m *Memory) Update(fn func(kv.Writer) error) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	now, err := m.current()
	if err != nil {
		return err
	}
	w := &writer{snapshot: snapshot{m, now}, changes: make(batch)}
	if err := fn(w); err != nil {
		return err
	}
	return m.commit(w)
}

func (m *Memory) commit(w *writer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full && w.sets {
		return kv.ErrFull
	}
	return m.step(func() {
		m.now = m.now.with(w.changes)
		m.pending = append(m.pending, w.changes)
		for key := range w.changes {
			delete(m.rotten, key)
		}
	})
}

// Sync implements kv.Store.
func (m *Memory) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return kv.ErrClosed
	}
	return m.step(func() { m.durable, m.pending = m.now, nil })
}

// Close implements kv.Store.
func (m *Memory) Close() error {
	if err := m.Sync(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// Room implements kv.Store: it takes the bytes of keys and values, and has no
// bound unless it was filled.
func (m *Memory) Room() (r kv.Room, err error) {
	now, err := m.current()
	for _, e := range now {
		r.OverheadBytes += uint64(len(e.key) + len(e.value))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.full {
		r.LeftBytes = math.MaxInt64
	}
	return r, err
}

// snapshot is a kv.Reader on one state.
type snapshot struct {
	m *Memory
	s state
}

func (r snapshot) Get(key []byte, fn func([]byte) error) error {
	i, ok := r.s.find(string(key))
	if !ok {
		return kv.ErrNotFound
	}
	return r.value(r.s[i], fn)
}

// value hands out a copy, so that a caller who keeps or changes it is found
// out by nobody else's test.
func (r snapshot) value(e entry, fn func([]byte) error) error {
	if r.m.isRotten(e.key) {
		return kv.ErrDamaged
	}
	return fn(slices.Clone(e.value))
}

func (r snapshot) Scan(prefix, from []byte, keysOnly bool, fn func(key, value []byte) (bool, error)) error {
	start, _ := r.s.find(max(string(prefix), string(from)))
	for _, e := range r.s[start:] {
		if !strings.HasPrefix(e.key, string(prefix)) {
			return nil
		}
		more, err := r.visit(e, keysOnly, fn)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (r snapshot) visit(e entry, keysOnly bool, fn func(key, value []byte) (bool, error)) (more bool, err error) {
	if keysOnly {
		return fn([]byte(e.key), nil)
	}
	err = r.value(e, func(v []byte) (err error) {
		more, err = fn([]byte(e.key), v)
		return err
	})
	return more, err
}

// writer is a kv.Writer that collects a batch.
type writer struct {
	snapshot
	changes  batch
	budget   kv.Budget
	sets     bool
	scanning bool
}

func (w *writer) Get(key []byte, fn func([]byte) error) error {
	value, changed := w.changes[string(key)]
	switch {
	case !changed:
		return w.snapshot.Get(key, fn)
	case value == nil:
		return kv.ErrNotFound
	}
	return fn(slices.Clone(value))
}

func (w *writer) Scan(prefix, from []byte, keysOnly bool, fn func(key, value []byte) (bool, error)) error {
	if w.scanning {
		return kv.ErrNested
	}
	w.scanning = true
	defer func() { w.scanning = false }()
	return snapshot{w.m, w.s.with(w.changes)}.Scan(prefix, from, keysOnly, fn)
}

func (w *writer) Set(key, value []byte) error {
	if err := w.budget.Spend(key, value); err != nil {
		return err
	}
	w.sets = true
	w.changes[string(key)] = append([]byte{}, value...)
	return nil
}

func (w *writer) Delete(key []byte) error {
	if err := w.budget.Spend(key, nil); err != nil {
		return err
	}
	w.changes[string(key)] = nil
	return nil
}
