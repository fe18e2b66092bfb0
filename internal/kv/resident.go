package kv

import (
	"sync"
	"sync/atomic"
)

// residentBytesMax is about how many bytes of mapped value files a process
// keeps in its resident set. They belong to the page cache and would be
// reclaimed anyway, but they look like memory of ours to whoever watches.
const residentBytesMax = 16 << 20

// resident counts the bytes of value files that were touched, and unmaps them
// from time to time. The page cache keeps them.
type resident struct {
	values  string
	touched atomic.Int64
	// unmapping is held for reading by whatever may make Badger unmap or remap
	// a value file: a commit, the collection, the close of an iterator. The
	// release holds it alone, since an address that it has read may be given
	// to others otherwise.
	unmapping sync.RWMutex
}

// touch counts n bytes.
func (r *resident) touch(n int) { r.touched.Add(int64(n)) }

// mayUnmap runs fn, during which value files may be unmapped.
func (r *resident) mayUnmap(fn func() error) error {
	r.unmapping.RLock()
	defer r.unmapping.RUnlock()
	return fn()
}

// settle gives back what was touched, if it is enough. No caller holds
// unmapping.
func (r *resident) settle() {
	n := r.touched.Load()
	if n < residentBytesMax || !r.touched.CompareAndSwap(n, 0) {
		return
	}
	r.unmapping.Lock()
	defer r.unmapping.Unlock()
	releaseMapped(r.values, valueSuffix)
}
