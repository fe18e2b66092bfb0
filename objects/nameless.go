package objects

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

const (
	// namelessAfter is how long ago a file that no entry names must have grown
	// last to count as left behind: a put may be about to name it.
	namelessAfter = 24 * time.Hour
	// dropNamelessMax is how long a put that failed takes to remove its own.
	dropNamelessMax = 10 * time.Second
)

// nameless are the files of a writer that have blocks in the state and no name:
// a large one is ordered in parts, and named by the last. Until then it takes
// room, and nobody finds it.
type nameless struct {
	bytes map[wire.NodeID]uint64 // as ordered
	// Of the update that is being put together:
	grows map[wire.NodeID]uint64
	named []wire.NodeID
}

func newNameless() nameless {
	return nameless{bytes: make(map[wire.NodeID]uint64), grows: make(map[wire.NodeID]uint64)}
}

// names returns the conditions on which a file may be named: all that was ordered
// of it is there still.
func (n *nameless) names(file wire.NodeID) []update.Predicate {
	if bytes := n.bytes[file]; bytes > 0 {
		return []update.Predicate{update.FileSize(file, bytes)}
	}
	return nil
}

// ask takes note of a change that goes into the update.
func (n *nameless) ask(a asked, c update.Clause) {
	if !a.names.IsZero() {
		n.named = append(n.named, a.names)
	}
	if a.grows.IsZero() {
		return
	}
	for _, action := range c.Actions {
		for _, ref := range action.Blocks {
			n.grows[a.grows] += uint64(ref.Length)
		}
	}
}

// ordered takes note of what became of the update. One that failed may have been
// ordered all the same.
func (n *nameless) ordered(err error) {
	for file, bytes := range n.grows {
		n.bytes[file] += bytes
	}
	clear(n.grows)
	for _, file := range n.named {
		if err == nil {
			delete(n.bytes, file)
		}
	}
	n.named = nil
}

// dropLeft removes what a writer that failed has left. It takes its own time, as
// the caller's may be over; what it cannot remove a collection does.
func (w *writer) dropLeft() {
	if len(w.nameless.bytes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), dropNamelessMax)
	defer cancel()
	if err := w.g.dropNameless(ctx, w.object, slices.Collect(maps.Keys(w.nameless.bytes))); err != nil {
		w.g.Log.Info("removing what a change that failed has left", "object", w.object.String(), "error", err)
	}
}

// dropNameless removes files that no entry names. One that is named meanwhile
// stays.
func (g *Gateway) dropNameless(ctx context.Context, object wire.ObjectID, files []wire.NodeID) error {
	for _, file := range files {
		// Alone: a large file is work enough for an update.
		ordered, err := g.submit(ctx, object, &batch{clause: update.Clause{Actions: []update.Action{update.DeleteFile(file)}}})
		if err != nil && ordered.Outcome.Reason != update.ReasonLinked {
			return errs.Wrap("remove a file without a name", object.String(), err)
		}
	}
	return nil
}

// left lists the files that no entry names and that have not grown for a while:
// puts that broke off left them.
func (s *Snapshot) left(ctx context.Context, now time.Time) (files []wire.NodeID, err error) {
	before, err := s.Until(ctx, now.Add(-namelessAfter))
	if errs.KindOf(err) == errs.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lo, hi := update.AllFiles()
	for e, err := range s.state.Scan(ctx, lo, hi) {
		if err != nil {
			return nil, err
		}
		info, err := update.ParseFileInfo(e.Value)
		if err != nil {
			return nil, errs.New("read file", s.Object.String(), errs.Damaged, err)
		}
		if info.Links > 0 || e.Changed > before {
			continue
		}
		file, err := update.ParseFileKey(e.Key)
		if err != nil {
			return nil, errs.New("read file", s.Object.String(), errs.Damaged, err)
		}
		files = append(files, file)
	}
	return files, nil
}

// dropLeft removes the files that puts have left behind, and returns the state
// after it.
func (g *Gateway) dropLeft(ctx context.Context, s *Snapshot) (*Snapshot, error) {
	files, err := s.left(ctx, g.Now())
	if err != nil || len(files) == 0 {
		return s, err
	}
	if err := s.mustOwn(ctx, "collect"); err != nil {
		return s, err
	}
	if err := g.dropNameless(ctx, s.Object, files); err != nil {
		return s, err
	}
	return g.Newest(ctx, s.Object)
}
