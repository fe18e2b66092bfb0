package update

import (
	"bytes"
	"context"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// failure is a reason for which a clause cannot be done.
type failure Reason

func (f failure) Error() string { return Reason(f).String() }

func fail(r Reason) error { return failure(r) }

// clause is the execution of one clause over a fork of the version in the
// making.
type clause struct {
	ctx     context.Context
	batch   *batch
	update  *Signed
	writer  Writer
	next    *tree.Editor
	left    *int // of the update's budget
	extents map[wire.ExtentID]*extentState
	ring    *bft.RingCert // that is to order next; nil: the same
	ends    bool          // the object is deleted
}

func newClause(b *batch, u *Signed, writer Writer, left *int) *clause {
	return &clause{
		ctx: b.ctx, batch: b, update: u, writer: writer, left: left,
		next: b.next.Fork(), extents: make(map[wire.ExtentID]*extentState),
	}
}

// spend takes one operation from the budget.
func (c *clause) spend() error {
	if *c.left == 0 {
		return fail(ReasonOverBudget)
	}
	*c.left--
	return nil
}

// run checks the predicates and does the actions.
func (c *clause) run(todo *Clause) error {
	for i := range todo.Predicates {
		if err := c.spend(); err != nil {
			return err
		}
		holds, err := c.holds(&todo.Predicates[i])
		if err != nil {
			return err
		}
		if !holds {
			return fail(ReasonPredicate)
		}
	}
	for i := range todo.Actions {
		if err := c.do(&todo.Actions[i]); err != nil {
			return err
		}
	}
	return c.writeExtents()
}

// holds judges one predicate.
func (c *clause) holds(p *Predicate) (bool, error) {
	switch p.Kind {
	case predVersionEquals:
		return c.version() == wire.Version(p.Number), nil
	case predVersionAtMost:
		return c.version() <= wire.Version(p.Number), nil
	case predKeyEquals:
		e, found, err := c.next.Get(c.ctx, p.Key)
		h := ValueHash(e.Value)
		return found && bytes.Equal(h[:], p.Hash), err
	case predKeyAbsent:
		_, found, err := c.next.Get(c.ctx, p.Key)
		return !found, err
	case predRangeEmpty:
		return c.empty(p.Key, p.End)
	case predRangeUnchanged:
		changed, err := c.next.ChangedSince(c.ctx, p.Key, p.End, wire.Version(p.Number))
		return !changed, err
	default: // predFileSize; Parse let no other pass
		f, found, err := get(c.ctx, c.next, p.Key, ParseFileInfo)
		return found && f.Size == p.Number, err
	}
}

// version returns the newest version as the update sees it: that before the
// batch, until an update of the batch has been applied.
func (c *clause) version() wire.Version {
	if len(c.batch.applied) > 0 {
		return c.batch.env.Version
	}
	return c.batch.env.Version - 1
}

// empty reports whether a range has no keys.
func (c *clause) empty(lo, hi []byte) (bool, error) {
	for _, err := range c.next.Scan(c.ctx, lo, hi) {
		return false, err
	}
	return true, nil
}

// do does one action.
func (c *clause) do(a *Action) error {
	if !c.allowed(a) {
		return fail(ReasonNotAllowed)
	}
	if within, err := c.inScope(a); err != nil {
		return err
	} else if !within {
		return fail(ReasonNotAllowed)
	}
	switch a.Kind {
	case actSet:
		return c.set(a.Key, a.Value)
	case actDelete:
		return c.remove(a.Key)
	case actDeleteRange:
		return c.removeRange(a.Key, a.To)
	case actMove:
		return c.move(a.Key, a.To)
	case actAppend:
		return c.append(a)
	case actSplice:
		return c.splice(a)
	case actDeleteFile:
		return c.deleteFile(a.Key)
	case actCopyDir:
		return c.copyDir(a.Key, a.To, wire.Version(a.From))
	case actCopyFile:
		return c.copyFile(a.Key, a.To, wire.Version(a.From))
	case actReconfigure:
		return c.reconfigure(a.Value)
	case actDeleteObject:
		c.ends = true
		return nil
	default: // actRelease; Parse let no other pass
		return c.release(a.Key)
	}
}

// allowed reports whether the author may do this to these keys. Keys that are
// not listed are the executor's own.
func (c *clause) allowed(a *Action) bool {
	owner := c.writer.Rights&RightOwner != 0
	if c.writer.Rights == 0 {
		return isReplacement(c.update)
	}
	switch a.Kind {
	case actReconfigure:
		return owner || isReplacement(c.update)
	case actRelease:
		return owner
	case actDeleteObject:
		return owner && c.update.isDeletion()
	case actDeleteRange:
		_, end := prefixRange([]byte{kindDir})
		return a.Key[0] == kindDir && bytes.Compare(a.To, end) <= 0
	case actSet, actDelete:
		switch a.Key[0] {
		case kindDir:
			return true
		case kindWriter:
			return owner && c.mayAdmit(a)
		case kindPolicy:
			return owner && a.Kind == actSet
		case kindVersion:
			return owner && a.Kind == actDelete && c.isPast(a.Key)
		}
		return false
	}
	return true
}

// isPast reports whether a `v` key is of a version before the newest. That one
// gets its root in the version being made.
func (c *clause) isPast(k []byte) bool {
	v, err := ParseVersionKey(k)
	return err == nil && v+1 < c.batch.env.Version
}

// mayAdmit reports whether the owner may set or delete this writer entry. It
// must not be his own, or nobody could ever admit anyone, and it must name him
// as the one who let the writer in.
func (c *clause) mayAdmit(a *Action) bool {
	if bytes.Equal(a.Key, WriterKey(c.update.Author)) {
		return false
	}
	w, err := ParseWriter(a.Value)
	return a.Kind == actDelete || err == nil && w.By == c.update.Author
}

// set gives a key a value.
func (c *clause) set(k, value []byte) error {
	if err := c.spend(); err != nil {
		return err
	}
	if k[0] != kindDir {
		return c.next.Set(k, value)
	}
	entry, err := ParseDirEntry(value)
	if err != nil {
		return err
	}
	// The new link first: an entry that is set again must not lose its file.
	if err := c.link(entry, +1); err != nil {
		return err
	}
	if err := c.unlink(k); err != nil {
		return err
	}
	if err := c.name(k, entry); err != nil {
		return err
	}
	return c.next.Set(k, value)
}

// remove deletes a key, if it is there.
func (c *clause) remove(k []byte) error {
	if err := c.spend(); err != nil {
		return err
	}
	if k[0] == kindDir {
		if err := c.unlink(k); err != nil {
			return err
		}
	}
	c.next.Delete(k)
	return nil
}

// removeRange deletes directory entries.
func (c *clause) removeRange(lo, hi []byte) error {
	entries, err := c.collect(c.next, lo, hi)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.unlink(e.Key); err != nil {
			return err
		}
	}
	c.next.DeleteRange(lo, hi)
	return c.emptied(lo, hi)
}

// move renames a directory entry within its directory.
func (c *clause) move(from, to []byte) error {
	e, found, err := c.next.Get(c.ctx, from)
	if err != nil {
		return err
	}
	if !found {
		return fail(ReasonMissing)
	}
	if err := c.set(to, e.Value); err != nil {
		return err
	}
	return c.remove(from)
}

// collect returns the entries of a range, each for one operation.
func (c *clause) collect(r tree.Reader, lo, hi []byte) ([]tree.Entry, error) {
	var entries []tree.Entry
	for e, err := range r.Scan(c.ctx, lo, hi) {
		if err != nil {
			return nil, err
		}
		if err := c.spend(); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// unlink takes a link from the file that a directory entry names, if it is
// there and names one.
func (c *clause) unlink(k []byte) error {
	entry, found, err := get(c.ctx, c.next, k, ParseDirEntry)
	if err != nil || !found {
		return err
	}
	if err := c.unname(k, entry); err != nil {
		return err
	}
	return c.link(entry, -1)
}
