package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

func (s *store) Sync() error { return s.call(s.sync) }

func (s *store) sync() error { return s.syncs.do(s.files.sync) }

// group lets concurrent callers share one run of a function: whoever comes
// while a run is under way waits for the next, which covers all that was done
// before he came.
type group struct {
	running sync.Mutex // held by the run
	mu      sync.Mutex // guards next
	next    *round     // takes in newcomers; nil if nobody waits
	failed  error      // of an earlier run; guarded by running
}

type round struct {
	done chan struct{}
	err  error
}

// do returns the error of a run of fn that began after the call. After one
// failure no run is made: what a failed sync has left is not known.
func (g *group) do(fn func() error) error {
	g.mu.Lock()
	r := g.next
	if r != nil {
		g.mu.Unlock()
		<-r.done
		return r.err
	}
	r = &round{done: make(chan struct{})}
	g.next = r
	g.mu.Unlock()

	g.running.Lock()
	defer g.running.Unlock()
	g.mu.Lock()
	g.next = nil
	g.mu.Unlock()
	if g.failed == nil {
		g.failed = fn()
	}
	r.err = g.failed
	close(r.done)
	return r.err
}

// files makes Badger's logs durable. Its own Sync covers only the newest value
// file and the newest memtable's log: what went to the one before, since the
// last Sync, would be left out.
type files struct {
	index, values string
	newest        int             // value file up to which all were synced
	bulk          atomic.Bool     // something went to value files since they were synced
	logs          map[string]bool // memtable logs whose directory entry is durable
	last          *os.File        // the newest of logs; nil: it is to be looked for
	number        int             // of last
}

func newFiles(index, values string) (*files, error) {
	f := &files{index: index, values: values}
	f.bulk.Store(true) // who knows what the last run left
	found, err := filepath.Glob(filepath.Join(values, "*"+valueSuffix))
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("kv: no value file in %s: %w", values, errors.Join(err, fs.ErrNotExist))
	}
	// Glob sorts, and the numbers have six digits.
	_, err = fmt.Sscanf(filepath.Base(found[len(found)-1]), valueName, &f.newest)
	return f, err
}

// wrote notes that values may have gone to value files. It is called when they
// have, and before anybody waits for them to be durable.
func (f *files) wrote() { f.bulk.Store(true) }

// sync makes durable what was written before the call. Value files come first,
// as the logs point into them. Most syncs are of a few small values that went to
// the newest log: they cost one system call that waits for the disk.
func (f *files) sync() error {
	if f.bulk.Swap(false) {
		if err := f.syncValues(); err != nil {
			return fmt.Errorf("kv: sync: %w", err)
		}
	}
	sync := f.syncLogs
	if f.isLast() {
		sync = func() error { return syncData(f.last) }
	}
	if err := sync(); err != nil {
		return fmt.Errorf("kv: sync: %w", err)
	}
	return nil
}

// syncValues syncs the newest value file of last time and all that followed.
func (f *files) syncValues() error {
	// The one of last time may have been collected since, which synced first.
	if err := syncPath(f.valuePath(f.newest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	began := f.newest
	for {
		err := syncPath(f.valuePath(f.newest + 1))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		f.newest++
	}
	if f.newest == began {
		return nil
	}
	return syncPath(f.values)
}

func (f *files) valuePath(id int) string {
	return filepath.Join(f.values, fmt.Sprintf(valueName, id))
}

func (f *files) logPath(number int) string {
	return filepath.Join(f.index, fmt.Sprintf(logName, number))
}

// isLast reports whether the newest log of the last sync is the newest still: it
// is there, so those after it have not become tables, and there is none.
func (f *files) isLast() bool {
	if f.last == nil {
		return false
	}
	_, err := os.Lstat(f.logPath(f.number))
	_, next := os.Lstat(f.logPath(f.number + 1))
	return err == nil && errors.Is(next, fs.ErrNotExist)
}

// syncLogs syncs the logs of all memtables. One that vanishes meanwhile has
// become a table, which Badger syncs.
func (f *files) syncLogs() error {
	f.close()
	entries, err := os.ReadDir(f.index)
	if err != nil {
		return err
	}
	logs, fresh, newest := make(map[string]bool), false, ""
	for _, e := range entries { // sorted; the numbers have five digits
		if !strings.HasSuffix(e.Name(), logSuffix) {
			continue
		}
		if err := syncPath(filepath.Join(f.index, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		logs[e.Name()], newest = true, e.Name()
		fresh = fresh || !f.logs[e.Name()]
	}
	if fresh {
		err = syncPath(f.index)
	}
	f.logs = logs
	f.open(newest)
	return err
}

// open keeps the newest log at hand for the next sync, which looks for it if
// that fails.
func (f *files) open(name string) {
	if _, err := fmt.Sscanf(name, logName, &f.number); err != nil || fmt.Sprintf(logName, f.number) != name {
		return
	}
	if file, err := os.Open(f.logPath(f.number)); err == nil {
		f.last = file
	}
}

// close lets go of the log that is at hand.
func (f *files) close() {
	if f.last != nil {
		f.last.Close()
		f.last = nil
	}
}
