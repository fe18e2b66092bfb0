// Package outbox keeps changes that a user made while nobody could order them,
// until they are ordered or the user drops them. It is a directory with two files
// for each: what is to be done, and the content of what is put.
//
// It must never lose or reorder what Add returned for, and never decide itself
// whether a change still makes sense.
package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/atollnet/atoll/internal/durable"
	"github.com/atollnet/atoll/internal/errs"
)

// ItemsMax is the most changes that wait or are kept aside; ItemBytesMax bounds
// the file that says what one is, in bytes.
const (
	ItemsMax     = 1024
	ItemBytesMax = 256 << 10
)

const format = 1

// Item is a change that waits.
type Item struct {
	Format  int             `json:"format"`
	ID      uint64          `json:"id"` // ascending in the order of the changes
	Verb    string          `json:"verb"`
	Request json.RawMessage `json:"request"`
	Dest    string          `json:"dest"` // what it changes, as the user named it; holds the key of a reference
	Object  string          `json:"object"`
	Base    uint64          `json:"base"` // the version that the user had seen
	Made    time.Time       `json:"made"`
	Bytes   int64           `json:"bytes"` // of content
	// Reason is why it cannot be applied as it was meant; it is kept aside then.
	Reason string `json:"reason,omitempty"`
}

// Box is an open directory of changes. It may be used from several goroutines.
type Box struct {
	dir string

	mu    sync.Mutex
	items []Item // ascending
	last  uint64
}

// Open opens the directory, which need not exist. Content without a change, which
// a crash leaves, is removed. The error is of kind Damaged for a change that does
// not parse.
func Open(dir string) (*Box, error) {
	b := &Box{dir: dir}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, failure("open", dir, err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		item, err := load(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		b.items = append(b.items, item)
		b.last = max(b.last, item.ID)
	}
	slices.SortFunc(b.items, func(x, y Item) int { return int(int64(x.ID) - int64(y.ID)) })
	for _, e := range entries {
		if !b.known(e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return nil, failure("open", dir, err)
			}
		}
	}
	return b, nil
}

func load(path string) (item Item, err error) {
	f, err := os.Open(path)
	if err != nil {
		return item, failure("open", path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, ItemBytesMax+1))
	if err == nil {
		err = json.Unmarshal(text, &item)
	}
	if err == nil && (item.Format != format || filepath.Base(path) != item.name()) {
		err = fmt.Errorf("it is change %d of format %d", item.ID, item.Format)
	}
	if err != nil {
		return item, errs.Hint(errs.New("open pending change", path, errs.Damaged, err), "move the file away; its content, if it had any, is beside it with the suffix .body")
	}
	return item, nil
}

func (i Item) name() string { return fmt.Sprintf("%016d.json", i.ID) }
func (i Item) body() string { return fmt.Sprintf("%016d.body", i.ID) }

func (b *Box) known(name string) bool {
	return slices.ContainsFunc(b.items, func(i Item) bool { return name == i.name() || name == i.body() })
}

func failure(op, path string, err error) error {
	kind := errs.Other
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		kind = errs.Full
	}
	return errs.New(op+" pending changes", path, kind, err)
}

// List returns the changes in the order in which they were made.
func (b *Box) List() []Item {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.items)
}

// Add keeps a change and its content, nil for none, and returns it with its ID
// when it is durable. A waiting change with the same verb and destination gives
// way to it and hands down its base: it was never ordered.
func (b *Box) Add(item Item, content io.Reader) (Item, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) >= ItemsMax {
		return item, errs.Hint(errs.Newf("keep change", "", errs.Full, "%d changes wait already", ItemsMax), "see peerctl pending")
	}
	var before *Item
	for i := range b.items {
		if old := &b.items[i]; old.Reason == "" && old.Verb == item.Verb && old.Dest == item.Dest {
			before, item.Base = old, old.Base
		}
	}
	b.last++
	item.Format, item.ID = format, b.last
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return item, failure("keep", b.dir, err)
	}
	var err error
	if content != nil {
		item.Bytes, err = b.write(item.body(), content)
	}
	if err == nil {
		err = b.save(item)
	}
	if err != nil {
		return item, errors.Join(err, ignoreAbsent(os.Remove(filepath.Join(b.dir, item.body()))))
	}
	if before != nil {
		err = b.remove(before.ID)
	}
	b.items = append(b.items, item)
	return item, err
}

// save writes what a change is.
func (b *Box) save(item Item) error {
	text, err := json.Marshal(item)
	if err != nil {
		return err
	}
	if len(text) > ItemBytesMax {
		return errs.Newf("keep change", "", errs.Usage, "it takes %d bytes to say, at most %d are allowed", len(text), ItemBytesMax)
	}
	_, err = b.write(item.name(), strings.NewReader(string(text)))
	return err
}

// write makes a file durable: beside its name first, so that a crash leaves the
// old one, the new one, or a remainder that Open removes.
func (b *Box) write(name string, content io.Reader) (n int64, err error) {
	path := filepath.Join(b.dir, name)
	if n, err = durable.Replace(path, content, 0o600); err != nil {
		return n, failure("keep", path, err)
	}
	return n, nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Find returns the change of that ID. The error is of kind NotFound.
func (b *Box) Find(id uint64) (Item, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, i := range b.items {
		if i.ID == id {
			return i, nil
		}
	}
	return Item{}, errs.Newf("find pending change", fmt.Sprint(id), errs.NotFound, "there is none of that number")
}

// Content opens the content of a change, which the caller closes.
func (b *Box) Content(item Item) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(b.dir, item.body()))
	if errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(strings.NewReader("")), nil
	}
	if err != nil {
		return nil, failure("read", b.dir, err)
	}
	return f, nil
}

// Update replaces what is known of a change that is still there.
func (b *Box) Update(item Item) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.items, func(i Item) bool { return i.ID == item.ID })
	if i < 0 {
		return nil
	}
	if err := b.save(item); err != nil {
		return err
	}
	b.items[i] = item
	return nil
}

// Remove forgets a change. The error is of kind NotFound.
func (b *Box) Remove(id uint64) error {
	if _, err := b.Find(id); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.remove(id)
}

// remove is Remove for whom holds mu. What the change is goes first: content
// alone is nothing.
func (b *Box) remove(id uint64) error {
	item := Item{ID: id}
	b.items = slices.DeleteFunc(b.items, func(i Item) bool { return i.ID == id })
	for _, name := range []string{item.name(), item.body()} {
		if err := ignoreAbsent(os.Remove(filepath.Join(b.dir, name))); err != nil {
			return failure("forget", b.dir, err)
		}
	}
	return durable.SyncDir(b.dir)
}
