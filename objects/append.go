package objects

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/cut"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// appendInlineMax is up to how many bytes what is appended at once stands in the
// state itself: the receipts of an extent would take as much of it.
const appendInlineMax = 4 * wire.InlineBytesMax

// appendTriesMax is how often an append looks its file up again because others
// put over it meanwhile. It asked for no condition, so it goes on for long.
const appendTriesMax = 64

// Append adds content to the end of a file and returns when all of it is
// ordered. Whole lines that are there go in one update as soon as the update
// before is ordered, so a line waits for nothing but its order; each update takes
// at most wire.LineBytesMax, and no line is in two. Other writers' lines may come
// between updates, never within one. Appends do not conflict with each other.
//
// A file that is not there is made, with the given mode. The file is looked up
// again when its entry changes: after a move, what comes goes to a new file of
// the old name, unless the place itself is the file. A directory or a link is an
// error of kind Usage. What was ordered before an error stays; the hint says how
// much that is.
func (g *Gateway) Append(ctx context.Context, d Dest, mode uint32, content io.Reader) (Change, error) {
	a := &appender{g: g, dest: d, mode: mode, change: Change{Report: Report{Holders: make(map[wire.PeerID]bool)}}}
	in := readLines(content)
	defer in.stop()
	err := a.all(ctx, in)
	if err != nil && a.change.Bytes > 0 {
		err = errs.Hint(err, "the first %d bytes are in the file, as of version %d; look whether what follows them is, before you append it again", a.change.Bytes, a.change.Version)
	}
	return a.change, errs.Wrap("append", display(d.Path), err)
}

// appender appends to one file.
type appender struct {
	g    *Gateway
	dest Dest
	mode uint32

	file   *appended // nil: not known, or not any more
	blocks int       // that were appended since the file was looked at for folding
	change Change
}

// appended is a file that is appended to.
type appended struct {
	entry Entry
	must  []update.Predicate // hold while it is what its name, or reference, means
	make  *entryChange       // to be set too: it is not there yet
	nines float64            // durability that the volume wants
}

func (a *appender) all(ctx context.Context, in *lineReader) error {
	for {
		lines, err := in.next(ctx)
		if err != nil && err != io.EOF {
			return err
		}
		if err == io.EOF {
			return a.end(ctx)
		}
		if err := a.add(ctx, lines); err != nil {
			return err
		}
	}
}

// end makes a file that nothing was appended to, if it is not there.
func (a *appender) end(ctx context.Context) error {
	if a.file != nil {
		return nil
	}
	if err := a.find(ctx); err != nil || a.file.make == nil {
		return err
	}
	return a.add(ctx, nil)
}

// add appends in one update. Its file is looked up anew as long as others change
// its entry.
func (a *appender) add(ctx context.Context, lines []byte) (err error) {
	for try := range appendTriesMax {
		if a.file == nil {
			if err := a.find(ctx); err != nil {
				return err
			}
		}
		var f *fold
		if try == 0 {
			f = a.toFold(ctx, lines)
		}
		var report Report
		report, err = a.try(ctx, lines, f)
		if err == nil {
			a.note(report, len(lines))
			return nil
		}
		if !retried(err, f) {
			return err
		}
		a.file = nil
	}
	return err
}

// retried reports whether an append that failed, and is surely not ordered, is
// tried once more: others have changed the file, or what was folded has found no
// room.
func retried(err error, f *fold) bool {
	kind := errs.KindOf(err)
	return kind == errs.Conflict || f != nil && (kind == errs.TooFew || kind == errs.Full)
}

// note takes in what an update came to. A file that it made is there from now on.
func (a *appender) note(r Report, size int) {
	c := &a.change
	c.Bytes += int64(size)
	c.SentBytes += r.SentBytes
	c.Missing += r.Missing
	c.Version = max(c.Version, r.Version)
	maps.Copy(c.Holders, r.Holders)
	if made := a.file.make; made != nil {
		a.file.must = []update.Predicate{update.KeyEquals(made.key, made.value)}
		a.file.make = nil
	}
}

// find looks the file up.
func (a *appender) find(ctx context.Context) error {
	s, root, err := a.g.snapshotOf(ctx, a.dest.Place)
	if err != nil {
		return err
	}
	t := target{old: root}
	if a.dest.Path != "" {
		if t, err = s.entryAt(ctx, root, a.dest.Path); err != nil {
			return err
		}
	}
	f := &appended{}
	switch {
	case a.dest.Into || t.old != nil && t.old.IsDir():
		return errs.New("append", display(t.path()), errs.Usage, errors.New("it is a directory"))
	case t.old == nil:
		err = a.fresh(t, f)
	case t.old.Kind != update.KindFile:
		return errs.New("append", display(t.path()), errs.Usage, errors.New("it is a link, and no file"))
	default:
		f.entry = *t.old
		if f.must, err = s.named(ctx, t); err == nil {
			a.blocks, err = s.blockCount(ctx, f.entry.ID)
			a.blocks %= foldEvery
		}
	}
	if err == nil {
		f.nines, err = s.nines(ctx, 0)
	}
	if err != nil {
		return err
	}
	a.file = f
	a.change.Path, a.change.Node, a.change.Key, a.change.Previous = t.path(), f.entry.ID, f.entry.Key, f.entry.Changed
	return nil
}

// fresh makes up a file for a name that is free.
func (a *appender) fresh(t target, f *appended) error {
	id, key, err := t.node(&nodeIDs{random: a.g.Random}, update.KindFile)
	if err != nil {
		return err
	}
	attr := a.g.stamp(envelope.Attr{Mode: a.mode})
	change, err := t.change(a.g.Random, update.KindFile, id, key, attr, Condition{IfAbsent: true})
	f.entry = Entry{Kind: update.KindFile, ID: id, Key: key, Attr: attr}
	f.must, f.make = change.predicates, &change
	return err
}

// stamp gives attributes the present time, which is always later than what they
// had: by that a reader knows that something was appended.
func (g *Gateway) stamp(attr envelope.Attr) envelope.Attr {
	now := g.Now()
	if was := time.Unix(attr.Sec, int64(attr.Nsec)); !now.After(was) {
		now = was.Add(time.Nanosecond)
	}
	attr.Sec, attr.Nsec = now.Unix(), uint32(now.Nanosecond())
	return attr
}

// named returns what holds while a file has the name that the snapshot shows. It
// holds whatever is appended. Of a file that a reference names, nothing above is
// known but the ids: its directory is searched for its entry.
func (s *Snapshot) named(ctx context.Context, t target) ([]update.Predicate, error) {
	if t.dir != nil {
		p, err := s.unchanged(ctx, t)
		return []update.Predicate{p}, err
	}
	above, known, err := update.ReadParent(ctx, s.state, t.old.ID)
	if err != nil {
		return nil, err
	}
	if known {
		lo, hi := update.DirRange(above.Dir)
		for raw, err := range s.state.Scan(ctx, lo, hi) {
			if err != nil {
				return nil, err
			}
			if e, err := update.ParseDirEntry(raw.Value); err == nil && e.Child == t.old.ID && e.Kind == update.KindFile {
				return []update.Predicate{update.KeyEquals(raw.Key, raw.Value)}, nil
			}
		}
	}
	return nil, errs.New("append", "/", errs.NotFound, errors.New("no directory has an entry for the file of this reference any more"))
}

// toFold returns what is to be folded on the way, which is seldom anything. What
// cannot be read now, or has changed when the ring looks at it, is left for
// another time.
func (a *appender) toFold(ctx context.Context, lines []byte) *fold {
	if a.blocks+1 < foldEvery || len(lines) > foldBesideMax {
		return nil
	}
	a.blocks = 0
	s, err := a.g.Newest(ctx, a.dest.Object)
	if err != nil {
		return nil
	}
	file := a.file.entry
	if found, err := s.size(ctx, &file); err != nil || !found {
		return nil
	}
	f, err := s.fold(ctx, &file)
	if err != nil {
		return nil
	}
	return f
}

// try appends in one update. Nothing but the file's own name is a condition, and
// that what is folded has not changed.
func (a *appender) try(ctx context.Context, lines []byte, f *fold) (Report, error) {
	w := a.g.newWriter(ctx, a.dest.Object)
	w.want(a.file.nines)
	blocks, err := w.append(a.file, a.dest.Key.Secrets(), lines, f)
	a.blocks += blocks
	return w.finish(err)
}

// append asks for the update and returns how many blocks it appends.
func (w *writer) append(file *appended, volume envelope.Secrets, lines []byte, f *fold) (int, error) {
	id := file.entry.ID
	self, err := w.selfChange(update.KindFile, w.g.stamp(file.entry.Attr), id, file.entry.Key)
	if err != nil {
		return 0, err
	}
	fw := &fileWriter{w: w, volume: volume, secrets: file.entry.Key.Secrets()}
	var folded []*block
	if f != nil {
		if folded, err = fw.gather(f.content); err != nil {
			return 0, err
		}
	}
	appended, err := fw.gather(lines)
	if err != nil {
		return 0, err
	}
	w.then(func(wire.Version) update.Clause {
		c := update.Clause{Predicates: slices.Clone(file.must)}
		if f != nil {
			c.Predicates = append(c.Predicates, f.must...)
			c.Actions = append(c.Actions, update.Splice(id, uint64(f.from), uint64(f.through), refsOf(folded)))
		}
		if len(appended) > 0 {
			c.Actions = append(c.Actions, update.Append(id, refsOf(appended)))
		}
		if file.make != nil {
			c.Actions = append(c.Actions, update.Set(file.make.key, file.make.value))
		}
		c.Actions = append(c.Actions, update.Set(self.key, self.value))
		return c
	})
	return len(appended), nil
}

// gather sends what goes into a file at once on its way, as blocks for one
// update.
func (f *fileWriter) gather(content []byte) (blocks []*block, err error) {
	if len(content) <= appendInlineMax {
		for plain := range slices.Chunk(content, wire.InlineBytesMax) {
			b, err := f.send(plain)
			if err != nil {
				return nil, err
			}
			blocks = append(blocks, b)
		}
		return blocks, nil
	}
	c := cut.New(bytes.NewReader(content), f.volume.Cut)
	for {
		plain, err := c.Next()
		if errors.Is(err, io.EOF) {
			return blocks, nil
		}
		if err != nil {
			return nil, err
		}
		b, err := f.send(plain)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
		if f.w.full() {
			if err := f.w.roll(); err != nil {
				return nil, err
			}
		}
	}
}
