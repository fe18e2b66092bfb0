package kvtest

import (
	"errors"
	"slices"
)

// ErrInjected is what a failed step returns.
var ErrInjected = errors.New("kvtest: injected failure")

// Fault says how a step fails. Each Update that reaches its commit, and each
// Sync, is a step.
type Fault int

// The faults.
const (
	None     Fault = iota
	NotDone        // the step fails and has no effect
	Reported       // the step takes effect and reports failure all the same
)

// Inject asks fn at each step, counted from 0 from now on, whether it fails;
// nil ends that.
func (m *Memory) Inject(fn func(step int) Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault, m.steps = fn, 0
}

// Steps returns how many steps were made since Inject.
func (m *Memory) Steps() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.steps
}

// step makes a step unless it is to fail. The caller holds mu.
func (m *Memory) step(effect func()) error {
	fault := None
	if m.fault != nil {
		fault = m.fault(m.steps)
	}
	m.steps++
	if fault != NotDone {
		effect()
	}
	if fault != None {
		return ErrInjected
	}
	return nil
}

// Fill makes every Update that sets something fail with kv.ErrFull, or ends
// that.
func (m *Memory) Fill(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = full
}

// Crash forgets what was not synced, as a power cut does, and is then the store
// opened again, without faults.
func (m *Memory) Crash() { m.CrashKeeping(0) }

// Pending returns how many Updates a crash would forget.
func (m *Memory) Pending() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pending)
}

// CrashKeeping is Crash when the first updates that were not synced happened to
// reach the disk.
func (m *Memory) CrashKeeping(updates int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.pending[:min(updates, len(m.pending))] {
		m.durable = m.durable.with(b)
	}
	m.now, m.pending = m.durable, nil
	m.closed, m.full, m.fault = false, false, nil
}

// Rot makes reads of the key's value fail with kv.ErrDamaged until it is set
// again.
func (m *Memory) Rot(key []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rotten[string(key)] = true
}

// Flip changes one bit of the key's value on disk, unnoticed by the store. It
// reports whether there is such a bit.
func (m *Memory) Flip(key []byte, bit int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, ok := m.now.find(string(key))
	if !ok || bit/8 >= len(m.now[i].value) {
		return false
	}
	value := slices.Clone(m.now[i].value)
	value[bit/8] ^= 1 << (bit % 8)
	flipped := batch{string(key): value}
	m.now, m.durable = m.now.with(flipped), m.durable.with(flipped)
	return true
}

// Keys returns the keys with a prefix, in order.
func (m *Memory) Keys(prefix []byte) (keys [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.now {
		if len(e.key) >= len(prefix) && e.key[:len(prefix)] == string(prefix) {
			keys = append(keys, []byte(e.key))
		}
	}
	return keys
}

func (m *Memory) isRotten(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rotten[key]
}

// Image is a copy of a store's disk, as a backup makes one.
type Image struct{ durable state }

// Image returns what is durable now.
func (m *Memory) Image() Image {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Image{m.durable}
}

// Restore replaces what the store holds with what an image holds, its files
// excepted.
func (m *Memory) Restore(i Image) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now, m.durable, m.pending = i.durable, i.durable, nil
}
