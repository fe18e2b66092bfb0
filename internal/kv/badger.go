package kv

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
)

// store is a Store on Badger.
type store struct {
	dir     string
	options Options
	db      *badger.DB

	writing sync.Mutex // held by the one Update that runs
	syncs   group
	files   *files

	mu     sync.Mutex // guards closed, and calls.Add against Close
	closed bool
	calls  sync.WaitGroup

	bulk     *bulk
	resident resident
	overhead overhead
	faulted  atomic.Bool // a read met a memory fault, perhaps under Badger's locks

	stop       context.CancelFunc // ends the collection
	collecting sync.WaitGroup
}

func newStore(dir string, o Options, db *badger.DB, index, values string) (*store, error) {
	files, err := newFiles(index, values)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &store{dir: dir, options: o, db: db, files: files, stop: stop}
	s.resident.values = values
	s.bulk = newBulk(s)
	s.collecting.Go(func() { s.collectLoop(ctx) })
	return s, nil
}

// call runs fn unless the store is closed; Close waits for it.
func (s *store) call(fn func() error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.calls.Add(1)
	s.mu.Unlock()
	defer s.calls.Done()
	return fn()
}

func (s *store) View(fn func(Reader) error) error {
	return s.call(func() error {
		txn := s.db.NewTransaction(false)
		defer txn.Discard()
		defer s.resident.settle()
		return s.guard(func() error { return fn(reader{txn, &s.resident}) })
	})
}

func (s *store) Update(fn func(Writer) error) error {
	return s.call(func() error {
		s.writing.Lock()
		defer s.writing.Unlock()
		txn := s.db.NewTransaction(true)
		defer txn.Discard()
		defer s.resident.settle()
		w := &writer{reader: reader{txn, &s.resident}}
		if err := s.guard(func() error { return fn(w) }); err != nil {
			return err
		}
		if err := s.checkRoomFor(w); err != nil {
			return err
		}
		s.resident.touch(w.budget.bulk)
		if w.large {
			defer s.files.wrote()
		}
		s.overhead.note(w.budget.bytes + w.budget.bulk)
		return classifyWrite(s.resident.mayUnmap(txn.Commit))
	})
}

// checkRoomFor refuses updates that a full disk has no room for. Those that
// only delete may use the reserve: they are how room is made. Others may use
// half of it: a peer whose disk has filled up goes on reading and voting, and
// notes what it must not forget. Who stores for others asks Room first.
func (s *store) checkRoomFor(w *writer) error {
	if !w.sets {
		return nil
	}
	return checkRoom(s.options, s.dir, s.options.ReserveBytes/2, w.budget.bytes+w.budget.bulk)
}

// checkRoom refuses to write n bytes unless so many stay free.
func checkRoom(o Options, dir string, keep uint64, n int) error {
	free, err := o.Free(dir)
	if err != nil {
		return fmt.Errorf("kv: room on the disk of %s: %w", dir, err)
	}
	if free < keep+uint64(n) {
		return fmt.Errorf("%w: %d MiB left on the disk of %s, of which %d are kept free", ErrFull, free>>20, dir, keep>>20)
	}
	return nil
}

// classifyWrite is classify for failures that say nothing about what is on
// disk already.
func classifyWrite(err error) error {
	if c := classify(err); !errors.Is(c, ErrDamaged) {
		return c
	}
	return fmt.Errorf("kv: write: %w", err)
}

func (s *store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.calls.Wait()
	s.collecting.Wait()
	defer s.files.close()
	if s.faulted.Load() {
		// Badger may wait for a lock that will not come free. All is synced.
		return errors.Join(s.sync(), fmt.Errorf("%w: %s was not closed in order, since the disk did not give a page of it", ErrDamaged, s.dir))
	}
	return errors.Join(s.sync(), classifyWrite(s.db.Close()))
}

// reader is a Reader on a transaction.
type reader struct {
	txn      *badger.Txn
	resident *resident
}

func (r reader) Get(key []byte, fn func([]byte) error) error {
	if len(key) == 0 {
		return ErrNotFound
	}
	item, err := r.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return r.value(item, fn)
}

func (r reader) Scan(prefix, from []byte, keysOnly bool, fn func(key, value []byte) (bool, error)) error {
	o := badger.IteratorOptions{Prefix: prefix}
	it := r.txn.NewIterator(o)
	defer func() { _ = r.resident.mayUnmap(func() error { it.Close(); return nil }) }()
	start := prefix
	if string(from) > string(prefix) {
		start = from
	}
	for it.Seek(start); it.Valid(); it.Next() {
		more, err := r.visit(it.Item(), keysOnly, fn)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// visit calls fn for one item of a scan.
func (r reader) visit(item *badger.Item, keysOnly bool, fn func(key, value []byte) (bool, error)) (more bool, err error) {
	if keysOnly {
		return fn(item.Key(), nil)
	}
	err = r.value(item, func(v []byte) (err error) {
		more, err = fn(item.Key(), v)
		return err
	})
	return more, err
}

// value calls fn with an item's value. Badger gives the empty value for one
// that it cannot read or whose checksum is wrong.
func (r reader) value(item *badger.Item, fn func([]byte) error) error {
	return item.Value(func(v []byte) error {
		if len(v) == 0 && item.ValueSize() > 0 {
			return fmt.Errorf("%w: a value cannot be read", ErrDamaged)
		}
		r.resident.touch(len(v))
		return fn(v)
	})
}

// writer is a Writer on a transaction.
type writer struct {
	reader
	budget   Budget
	sets     bool // something is set, not only deleted
	large    bool // something of it goes to a value file
	scanning bool
}

func (w *writer) Scan(prefix, from []byte, keysOnly bool, fn func(key, value []byte) (bool, error)) error {
	if w.scanning {
		return ErrNested
	}
	w.scanning = true
	defer func() { w.scanning = false }()
	return w.reader.Scan(prefix, from, keysOnly, fn)
}

func (w *writer) Set(key, value []byte) error {
	if err := w.budget.Spend(key, value); err != nil {
		return err
	}
	w.sets = true
	w.large = w.large || len(value) >= ValueSmallMax
	return classifyWrite(w.txn.Set(key, value))
}

func (w *writer) Delete(key []byte) error {
	if err := w.budget.Spend(key, nil); err != nil {
		return err
	}
	return classifyWrite(w.txn.Delete(key))
}

// guard runs fn, which may read mapped files. The read of a bad sector, or
// beyond the end of a file that was cut, is a memory fault there: it becomes an
// error instead of the end of the process.
func (s *store) guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			s.faulted.Store(true)
			err = fmt.Errorf("%w: the disk did not give a page of %s: %v", ErrDamaged, s.dir, p)
		default:
			panic(p)
		}
	}()
	return fn()
}
