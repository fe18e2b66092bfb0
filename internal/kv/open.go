package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/dgraph-io/badger/v4"
)

// A store's directory holds FORMAT, index/ (keys and small values), values/
// (the value log) and files/ (Files).
const (
	indexDir  = "index"
	valuesDir = "values"
)

// Open opens or makes the store in dir. One process at a time has it. Errors:
// ErrLocked, ErrNewer, ErrDamaged, ErrFull; all name the directory.
func Open(dir string, o Options) (Store, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, openError(dir, err)
	}
	if err := checkFormat(dir); err != nil {
		return nil, openError(dir, err)
	}
	if err := checkRoom(o, dir, min(o.ReserveBytes, openBytesMin), 0); err != nil {
		return nil, openError(dir, err)
	}
	index, values := filepath.Join(dir, indexDir), filepath.Join(dir, valuesDir)
	if err := checkManifest(index); err != nil {
		return nil, openError(dir, err)
	}
	if err := errors.Join(prepare(index, values), sweepNew(dir)); err != nil {
		return nil, openError(dir, classify(err))
	}
	db, err := badger.Open(o.badgerOptions(index, values))
	if err != nil {
		return nil, openError(dir, classify(err))
	}
	s, err := newStore(dir, o, db, index, values)
	if err != nil {
		return nil, openError(dir, errors.Join(err, db.Close()))
	}
	return s, nil
}

// checkManifest refuses an index without its list of tables: Badger would take
// the tables for leftovers and delete them.
func checkManifest(index string) error {
	_, err := os.Stat(filepath.Join(index, badger.ManifestFilename))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tables, err := filepath.Glob(filepath.Join(index, "*.sst"))
	if err == nil && len(tables) > 0 {
		err = fmt.Errorf("%w: %s is missing", ErrDamaged, badger.ManifestFilename)
	}
	return err
}

// classify gives Badger's errors our sentinels. It wraps its own causes as
// text, so text is all there is to go by; tests hold the phrases in place.
func classify(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	switch {
	case errors.Is(err, badger.ErrDBClosed), errors.Is(err, badger.ErrBlockedWrites):
		return fmt.Errorf("%w: %v", ErrClosed, err)
	case errors.Is(err, badger.ErrTxnTooBig):
		return fmt.Errorf("%w: %v", ErrTooLarge, err)
	case errors.Is(err, syscall.ENOSPC), strings.Contains(text, syscall.ENOSPC.Error()):
		return fmt.Errorf("%w: %v", ErrFull, err)
	case strings.Contains(text, "directory lock"):
		return ErrLocked
	case errors.Is(err, fs.ErrPermission), strings.Contains(text, syscall.EACCES.Error()):
		return err
	}
	return fmt.Errorf("%w: %v", ErrDamaged, err)
}

// openError says what is wrong with the directory and what can be done.
func openError(dir string, err error) error {
	wrap := func(kind errs.Kind) error { return errs.New("open store", dir, kind, err) }
	switch {
	case errors.Is(err, ErrLocked):
		return errs.Hint(wrap(errs.Refused), "another peerd is running on %s: stop it, or give this one another directory", dir)
	case errors.Is(err, ErrNewer):
		return errs.Hint(wrap(errs.Refused), "run that release or a newer one; the directory was not changed")
	case errors.Is(err, ErrFull):
		return errs.Hint(wrap(errs.Full), "make room on the disk of %s", dir)
	case errors.Is(err, ErrDamaged):
		return errs.Hint(wrap(errs.Damaged), "run `peerd check` on it; if it cannot be mended, move %s away and start again: shares that this peer held are repaired from others", dir)
	}
	return wrap(errs.Other)
}
