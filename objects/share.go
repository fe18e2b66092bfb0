package objects

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// Writer is somebody who may change an object.
type Writer struct {
	Key   wire.PublicKey
	Owner bool
	// Path is the directory in and below which he may write, from the root that
	// was asked about; "" is that root. It is unknown if Hidden: it does not lie
	// below that root, or is not there any more.
	Path   string
	Hidden bool
	Whole  bool // he may write everywhere
}

// Share makes an entry ready to be named by a bare reference to it, which opens
// the entry and what is below and nothing above, and returns when that is
// ordered. Who may not write gets the id and key all the same: the entry's mode
// and time then are not told by the reference.
func (g *Gateway) Share(ctx context.Context, p Place, path string) (Change, error) {
	s, e, err := g.entryOf(ctx, p, path)
	if err != nil {
		return Change{}, err
	}
	mine, may, err := s.writer(ctx, g.Author.Public())
	if err != nil || !may || !mine.Scope.IsZero() || e.Path == "" {
		return changeOf(e), err
	}
	return g.share(ctx, s, e, nil)
}

// entryOf finds an entry in the newest version.
func (g *Gateway) entryOf(ctx context.Context, p Place, path string) (*Snapshot, *Entry, error) {
	s, root, err := g.snapshotOf(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	e, err := s.Lookup(ctx, root, path)
	return s, e, err
}

func changeOf(e *Entry) Change {
	return Change{Path: e.Path, Node: e.ID, Key: e.Key, Previous: e.Changed}
}

// share gives an entry a self entry, unless it is the root or has one, together
// with a change of who may write.
func (g *Gateway) share(ctx context.Context, s *Snapshot, e *Entry, rights *update.Clause) (c Change, err error) {
	w := g.newWriter(ctx, s.Object)
	if e.Path != "" {
		err = w.name(s, e)
	}
	if rights != nil {
		w.then(func(wire.Version) update.Clause { return *rights })
	}
	c = changeOf(e)
	c.Report, err = w.finish(err)
	return c, errs.Wrap("share", display(e.Path), err)
}

// name writes the self entry of what has none.
func (w *writer) name(s *Snapshot, e *Entry) error {
	_, named, err := s.selfEntry(w.ctx, e.ID, e.Key)
	if err != nil || named {
		return err
	}
	self, err := w.selfChange(e.Kind, e.Attr, e.ID, e.Key)
	if err != nil {
		return err
	}
	w.act(update.Set(self.key, self.value))
	return nil
}

// Admit lets somebody write in a directory and below it, and returns when that
// is ordered. Only an object's owner can; the error is of kind Refused for
// others. One key has one such place: another one is a Conflict.
func (g *Gateway) Admit(ctx context.Context, p Place, path string, who wire.PublicKey) (Change, error) {
	s, e, err := g.entryOf(ctx, p, path)
	if err != nil {
		return Change{}, err
	}
	if !e.IsDir() {
		return Change{}, errs.Hint(errs.New("share", display(e.Path), errs.Usage, errors.New("writing is shared for directories")), "share the directory that it is in")
	}
	if err := s.mustOwn(ctx, "share"); err != nil {
		return Change{}, err
	}
	admitted := update.Writer{Rights: update.RightWrite, Scope: e.ID, By: g.Author.Public()}
	if p.Root && e.Path == "" {
		admitted.Scope = wire.NodeID{}
	}
	key := update.WriterKey(who)
	had, may, err := s.writer(ctx, who)
	switch {
	case err != nil:
		return Change{}, err
	case !may:
		return g.share(ctx, s, e, &update.Clause{Predicates: []update.Predicate{update.KeyAbsent(key)}, Actions: []update.Action{update.Set(key, admitted.Encode())}})
	case had.Scope == admitted.Scope || had.Rights&update.RightOwner != 0:
		return g.share(ctx, s, e, nil) // he may already
	}
	return Change{}, errs.Hint(errs.New("share", who.String(), errs.Conflict, errors.New("that key may write in another place already, and one key has one place")),
		"take that away first, with peerctl revoke --write KEY")
}

// Dismiss takes the right to write away from somebody, wherever he has it, and
// returns when that is ordered. The error is of kind NotFound if he has none.
func (g *Gateway) Dismiss(ctx context.Context, p Place, who wire.PublicKey) (Change, error) {
	s, e, err := g.entryOf(ctx, p, "")
	if err != nil {
		return Change{}, err
	}
	if err := s.mustOwn(ctx, "revoke"); err != nil {
		return Change{}, err
	}
	had, may, err := s.writer(ctx, who)
	switch {
	case err != nil:
		return Change{}, err
	case !may:
		return Change{}, errs.New("revoke", who.String(), errs.NotFound, errors.New("that key has no right to write here"))
	case had.Rights&update.RightOwner != 0:
		return Change{}, errs.New("revoke", who.String(), errs.Usage, errors.New("it is the owner's own key"))
	}
	w := g.newWriter(ctx, p.Object)
	w.act(update.Delete(update.WriterKey(who)))
	c := changeOf(e)
	c.Report, err = w.finish(nil)
	return c, errs.Wrap("revoke", who.String(), err)
}

// writer returns what somebody may do in an object, if anything.
func (s *Snapshot) writer(ctx context.Context, who wire.PublicKey) (w update.Writer, may bool, err error) {
	e, found, err := s.state.Get(ctx, update.WriterKey(who))
	if err != nil || !found {
		return w, false, err
	}
	w, err = update.ParseWriter(e.Value)
	return w, true, err
}

// mustOwn refuses what only an object's owner can do.
func (s *Snapshot) mustOwn(ctx context.Context, op string) error {
	w, _, err := s.writer(ctx, s.g.Author.Public())
	if err == nil && w.Rights&update.RightOwner == 0 {
		err = errs.New(op, s.Object.String(), errs.Refused, errors.New("only the owner of a volume says who may write it, or renews its keys"))
	}
	return err
}

// Writers lists who may change the object, by the bytes of their keys.
func (s *Snapshot) Writers(ctx context.Context, root *Entry) ([]Writer, error) {
	var all []Writer
	paths := s.paths(root)
	lo, hi := update.WriterRange()
	for raw, err := range s.state.Scan(ctx, lo, hi) {
		if err != nil {
			return nil, err
		}
		key, err := update.ParseWriterKey(raw.Key)
		if err != nil {
			return nil, err
		}
		w, err := update.ParseWriter(raw.Value)
		if err != nil {
			return nil, err
		}
		line := Writer{Key: key, Owner: w.Rights&update.RightOwner != 0, Whole: w.Scope.IsZero()}
		if !line.Whole {
			at, err := paths.dir(ctx, w.Scope)
			if err != nil {
				return nil, err
			}
			if line.Hidden = at == nil; at != nil {
				line.Path = at.Path
			}
		}
		all = append(all, line)
	}
	return all, nil
}

// Renew gives an entry and all below it fresh ids and keys under its name, and
// returns when that is ordered: whoever holds a reference to it, or to anything
// below, reads nothing of what is written from then on, and what was written
// before no longer in new versions. Who may write below goes on doing so. It
// costs what the entries and block references below it take; no data moves. A
// change by another writer meanwhile is a Conflict. Only an object's owner can.
func (g *Gateway) Renew(ctx context.Context, p Place, path string) (Change, error) {
	s, root, err := g.snapshotOf(ctx, p)
	if err != nil {
		return Change{}, err
	}
	if err := s.mustOwn(ctx, "revoke"); err != nil {
		return Change{}, err
	}
	t, err := s.existing(ctx, root, path)
	if err != nil {
		return Change{}, err
	}
	w := g.newWriter(ctx, p.Object)
	c := changeOf(t.old)
	c.Node, c.Key, err = w.renew(s, t)
	c.Report, err = w.finish(err)
	return c, errs.Wrap("revoke", display(path), err)
}

func (w *writer) renew(s *Snapshot, t target) (id wire.NodeID, key envelope.NodeKey, err error) {
	old := t.old
	fresh := make(map[wire.NodeID]wire.NodeID)
	c := &copier{w: w, old: s, renamed: func(was, is wire.NodeID) { fresh[was] = is }}
	t.old = nil
	c.before = func() error { return w.guard(s, fresh) }
	if id, key, err = c.node(old, t, Condition{IfVersion: &s.Version}, nil); err != nil {
		return id, key, err
	}
	if err := w.rescope(s, fresh); err != nil {
		return id, key, err
	}
	return id, key, w.removeContent(s, old, nil)
}

// guardsPerChange is how many conditions one change carries; each has some 100
// bytes.
const guardsPerChange = 256

// guard makes what follows depend on that nobody has changed the nodes since the
// snapshot. Where they are many, it takes several updates, and only the last is
// ordered together with what follows.
func (w *writer) guard(s *Snapshot, nodes map[wire.NodeID]wire.NodeID) error {
	ids := make([]wire.NodeID, 0, len(nodes))
	for id := range nodes {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b wire.NodeID) int { return bytes.Compare(a[:], b[:]) })
	var must []update.Predicate
	for _, id := range ids {
		lo, hi := update.DirRange(id)
		from, to := update.BlockRange(id)
		must = append(must, update.RangeUnchanged(lo, hi, s.Version), update.RangeUnchanged(from, to, s.Version))
	}
	for part := range slices.Chunk(must, guardsPerChange) {
		w.then(func(wire.Version) update.Clause { return update.Clause{Predicates: part} })
	}
	return nil
}

// rescope lets those who might write in a renewed directory write in it under
// its new id.
func (w *writer) rescope(s *Snapshot, fresh map[wire.NodeID]wire.NodeID) error {
	lo, hi := update.WriterRange()
	for raw, err := range s.state.Scan(w.ctx, lo, hi) {
		if err != nil {
			return err
		}
		entry, err := update.ParseWriter(raw.Value)
		if err != nil {
			return err
		}
		is, moved := fresh[entry.Scope]
		if !moved {
			continue
		}
		entry.Scope = is
		w.act(update.Set(raw.Key, entry.Encode()))
	}
	return nil
}
