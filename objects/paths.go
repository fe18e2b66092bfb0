package objects

import (
	"context"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// paths finds directories of a snapshot by their ids: it climbs by the parents
// that the ring keeps and comes down again by entries, so that a stale or
// hostile parent leads nowhere. It is used by one goroutine.
type paths struct {
	s     *Snapshot
	root  *Entry
	known map[wire.NodeID]*Entry // nil: not below the root
	// walked says that all directories have been looked at, since some may have
	// no parent: those that older releases wrote.
	walked bool
}

func (s *Snapshot) paths(root *Entry) *paths {
	return &paths{s: s, root: root, known: map[wire.NodeID]*Entry{root.ID: root}}
}

// dir returns the directory of that id, or nil if it is not below the root.
func (p *paths) dir(ctx context.Context, id wire.NodeID) (*Entry, error) {
	chain, parent, err := p.climb(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(chain) == depthMax {
		return nil, nil
	}
	for _, id := range slices.Backward(chain) {
		if e := p.known[id]; e != nil {
			parent = e
			continue
		}
		if parent != nil {
			if parent, err = p.down(ctx, parent, id); err != nil {
				return nil, err
			}
		}
		p.known[id] = parent
	}
	return p.known[id], nil
}

// climb returns the ids from id upwards to the first whose directory is known,
// and that.
func (p *paths) climb(ctx context.Context, id wire.NodeID) (chain []wire.NodeID, from *Entry, err error) {
	for len(chain) < depthMax {
		if e, known := p.known[id]; known {
			return chain, e, nil
		}
		parent, found, err := update.ReadParent(ctx, p.s.state, id)
		if err != nil {
			return nil, nil, err
		}
		if !found {
			err := p.walk(ctx)
			return append(chain, id), nil, err
		}
		chain, id = append(chain, id), parent.Dir
	}
	return chain, nil, nil
}

// walk looks at every directory, once, if there can be any without a parent: an
// object's root has none, so what is below another node was written with them.
func (p *paths) walk(ctx context.Context) error {
	if p.walked {
		return nil
	}
	p.walked = true
	if _, found, err := update.ReadParent(ctx, p.s.state, p.root.ID); found || err != nil {
		return err
	}
	for e, err := range p.s.Walk(ctx, p.root) {
		if err != nil {
			return err
		}
		if e.IsDir() {
			p.known[e.ID] = e
		}
	}
	return nil
}

// down opens the directory of that id in its parent; nil if it is not there.
func (p *paths) down(ctx context.Context, parent *Entry, id wire.NodeID) (*Entry, error) {
	where, found, err := update.ReadParent(ctx, p.s.state, id)
	if err != nil || !found || where.Dir != parent.ID || len(where.Name) == 0 {
		return nil, err
	}
	name, err := parent.Key.Secrets().OpenName(parent.ID, where.Name)
	if err != nil {
		return nil, nil // who wrote it has no key of this directory
	}
	e, found, err := p.s.child(ctx, parent, name)
	if err != nil || !found || e.ID != id || !e.IsDir() {
		return nil, err
	}
	return e, nil
}

// file returns the entry of a file of that id, or nil if it is not below the
// root. It searches one directory.
func (p *paths) file(ctx context.Context, id wire.NodeID) (*Entry, error) {
	where, found, err := update.ReadParent(ctx, p.s.state, id)
	if err != nil || !found {
		return nil, err
	}
	dir, err := p.dir(ctx, where.Dir)
	if err != nil || dir == nil {
		return nil, err
	}
	for e, err := range p.s.List(ctx, dir) {
		if err != nil {
			return nil, err
		}
		if e.ID == id {
			return e, nil
		}
	}
	return nil, nil
}
