package objects

import (
	"errors"
	"io"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/cut"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// wholeBlocksMax is how many block references one update surely holds beside
// their extents. A file of at most so many blocks becomes visible in one
// update; a larger one is written under a fresh id first if it replaces
// another.
const wholeBlocksMax = 64

// fileWriter writes the content of one file.
type fileWriter struct {
	w       *writer
	volume  envelope.Secrets // cut and seal blocks alike in the whole volume
	key     envelope.NodeKey // of a copy
	secrets envelope.Secrets // of the file's own key
	id      wire.NodeID
	known   map[wire.Hash]update.BlockRef // blocks of the version before, by plaintext hash

	// was are the plaintext hashes of the version before, in order, while what
	// came so far is the same; nil if nobody asks.
	was []wire.Hash

	under   wire.NodeID // where blocks go: id, or a fresh one
	staged  bool        // under differs from id
	old     *Entry      // what stands there, if not a directory
	replace bool        // old is a file, and id its own
	self    entryChange // no key: it has no self entry
	pending []*block    // not yet appended
	blocks  int
	size    int64
}

// copy cuts what r holds into blocks and sends them on their way.
func (f *fileWriter) copy(r io.Reader) error {
	c := cut.New(r, f.volume.Cut)
	for {
		plain, err := c.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.block(plain); err != nil {
			return err
		}
		f.size += int64(len(plain))
	}
}

func (f *fileWriter) block(plain []byte) error {
	b, err := f.send(plain)
	if err != nil {
		return err
	}
	f.pending = append(f.pending, b)
	f.blocks++
	if f.was != nil {
		return nil // nothing is written while nothing differs
	}
	if f.w.full() || len(f.pending) >= wholeBlocksMax {
		if err := f.stage(len(f.pending) >= wholeBlocksMax); err != nil {
			return err
		}
	}
	if f.w.full() {
		return f.w.roll()
	}
	return nil
}

// send seals a block and sends it, unless the volume has it already or it is
// small enough to stand in the state itself.
func (f *fileWriter) send(plain []byte) (*block, error) {
	f.compare(plain)
	if len(plain) <= wire.InlineBytesMax {
		sealed, err := f.secrets.SealInline(f.w.g.Random, plain)
		return &block{update.BlockRef{Length: uint32(len(plain)), Sealed: sealed}}, err
	}
	key := f.volume.BlockKey(plain)
	if ref, found := f.known[wire.Hash(key.Hash)]; found {
		return &block{ref}, nil
	}
	sealedKey, err := f.secrets.SealBlockKey(f.w.g.Random, key)
	if err != nil {
		return nil, err
	}
	sealed := envelope.SealBlock(nil, plain, key)
	return f.w.add(sealed, update.BlockRef{Length: uint32(len(plain)), Sealed: sealedKey})
}

// compare forgets the version before as soon as the next block is another, or
// one that must be sent again.
func (f *fileWriter) compare(plain []byte) {
	if f.was == nil {
		return
	}
	hash := wire.Sum(plain)
	_, kept := f.known[hash]
	if kept = kept || len(plain) <= wire.InlineBytesMax; !kept || f.blocks >= len(f.was) || f.was[f.blocks] != hash {
		f.was = nil
	}
}

// unchanged reports whether the content is that of the version before.
func (f *fileWriter) unchanged() bool { return f.was != nil && len(f.was) == f.blocks }

// stage appends what is pending. A file that replaces another goes under a fresh
// id, so that a reader sees all of it or nothing, but only if it must: what is
// pending is too much for the update that publishes it.
func (f *fileWriter) stage(must bool) error {
	if f.replace && !f.staged {
		if !must {
			return nil
		}
		var err error
		if f.under, err = f.w.ids.next(); err != nil {
			return errs.Wrap("choose file id", "", err)
		}
		f.staged = true
	}
	f.appendPending()
	return nil
}

func (f *fileWriter) appendPending() {
	if len(f.pending) == 0 {
		return
	}
	under := f.under
	for blocks := range slices.Chunk(f.pending, wholeBlocksMax) {
		f.w.ask(asked{grows: under, make: func(wire.Version) update.Clause {
			return update.Clause{Actions: []update.Action{update.Append(under, refsOf(blocks))}}
		}})
	}
	f.pending = nil
}

// publish makes the file what entry says, as one change. Taking the old entry
// away first lets its content go whatever it was: the last writer wins unless a
// condition was asked for.
func (f *fileWriter) publish(entry entryChange) error {
	if len(f.pending) > wholeBlocksMax {
		if err := f.stage(true); err != nil {
			return err
		}
	}
	if f.staged {
		f.appendPending() // nothing is pending from here on
		if err := f.w.barrier(); err != nil {
			return err
		}
	}
	f.w.ask(asked{names: f.under, make: func(applied wire.Version) update.Clause {
		return update.Clause{Predicates: entry.predicates, Actions: f.actions(entry, applied)}
	}})
	return nil
}

func (f *fileWriter) actions(entry entryChange, applied wire.Version) (all []update.Action) {
	if f.old != nil {
		all = append(all, update.Delete(entry.key), update.Delete(selfKey(f.old.ID, f.old.Key.Secrets())))
	}
	if f.old != nil && f.old.Kind == update.KindFile {
		all = append(all, update.DeleteFile(f.old.ID))
	}
	if f.staged {
		all = append(all, update.CopyFile(f.under, f.id, applied), update.DeleteFile(f.under))
	}
	if len(f.pending) > 0 {
		all = append(all, update.Append(f.id, refsOf(f.pending)))
	}
	all = append(all, update.Set(entry.key, entry.value))
	if f.self.key != nil {
		all = append(all, update.Set(f.self.key, f.self.value))
	}
	return all
}

func refsOf(blocks []*block) []update.BlockRef {
	refs := make([]update.BlockRef, len(blocks))
	for i, b := range blocks {
		refs[i] = b.ref
	}
	return refs
}
