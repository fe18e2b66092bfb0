package kvtest

import (
	"maps"
	"slices"

	"github.com/atollnet/atoll/internal/kv"
)

// Files implements kv.Store. Every Write that has room is a step: one that is
// NotDone leaves half of a file that did not exist before, as a crash may.
func (m *Memory) Files() kv.Files { return files{m} }

type files struct{ m *Memory }

func (f files) Write(name string, parts ...[]byte) error {
	if err := kv.CheckFileName(name); err != nil {
		return err
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.m.closed {
		return kv.ErrClosed
	}
	if f.m.full {
		return kv.ErrFull
	}
	whole, done := slices.Concat(parts...), false
	err := f.m.step(func() {
		f.m.files[name], done = whole, true
		delete(f.m.rotten, name)
	})
	if _, there := f.m.files[name]; !done && !there {
		f.m.files[name] = whole[:len(whole)/2]
	}
	return err
}

func (f files) Read(name string, b []byte, offset int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	whole, there := f.m.files[name]
	switch {
	case f.m.closed:
		return kv.ErrClosed
	case !there:
		return kv.ErrNotFound
	case f.m.rotten[name] || offset < 0 || offset+int64(len(b)) > int64(len(whole)):
		return kv.ErrDamaged
	}
	copy(b, whole[offset:])
	return nil
}

func (f files) Remove(name string) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.m.closed {
		return kv.ErrClosed
	}
	delete(f.m.files, name)
	return nil
}

func (f files) Names(fn func(name string) error) error {
	f.m.mu.Lock()
	names := slices.Sorted(maps.Keys(f.m.files))
	f.m.mu.Unlock()
	for _, name := range names {
		if err := fn(name); err != nil {
			return err
		}
	}
	return nil
}

// RotFile makes reads of a file fail until it is written again.
func (m *Memory) RotFile(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rotten[name] = true
}

// ChangeFile puts in place of a file what change makes of it, unnoticed by the
// store; nil takes it away. It reports whether there is such a file.
func (m *Memory) ChangeFile(name string, change func([]byte) []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, there := m.files[name]
	if !there {
		return false
	}
	if m.files[name] = change(slices.Clone(b)); m.files[name] == nil {
		delete(m.files, name)
	}
	return true
}
