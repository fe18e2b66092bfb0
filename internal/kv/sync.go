package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
	logs          map[string]bool // memtable logs whose directory entry is durable
}

func newFiles(index, values string) (*files, error) {
	f := &files{index: index, values: values}
	found, err := filepath.Glob(filepath.Join(values, "*"+valueSuffix))
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("kv: no value file in %s: %w", values, errors.Join(err, fs.ErrNotExist))
	}
	// Glob sorts, and the numbers have six digits.
	_, err = fmt.Sscanf(filepath.Base(found[len(found)-1]), valueName, &f.newest)
	return f, err
}

// sync makes durable what was written before the call. Value files come first,
// as the logs point into them.
func (f *files) sync() error {
	if err := f.syncValues(); err != nil {
		return fmt.Errorf("kv: sync: %w", err)
	}
	if err := f.syncLogs(); err != nil {
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

// syncLogs syncs the logs of all memtables. One that vanishes meanwhile has
// become a table, which Badger syncs.
func (f *files) syncLogs() error {
	entries, err := os.ReadDir(f.index)
	if err != nil {
		return err
	}
	logs, fresh := make(map[string]bool), false
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), logSuffix) {
			continue
		}
		if err := syncPath(filepath.Join(f.index, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		logs[e.Name()] = true
		fresh = fresh || !f.logs[e.Name()]
	}
	if fresh {
		err = syncPath(f.index)
	}
	f.logs = logs
	return err
}
