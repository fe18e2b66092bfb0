package apitest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// Move implements api.Backend.
func (f *Fake) Move(ctx context.Context, r api.MoveRequest) (api.PutResult, error) {
	from, _, err := f.at(r.From)
	if err != nil {
		return api.PutResult{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	to, err := f.destination(r.To, api.Path(api.Path(from.path).Base()), true)
	if err == nil && from.path == from.root {
		err = errs.Newf("move", r.From, errs.Usage, "a root cannot be moved")
	}
	if err == nil {
		err = oneVolume("move", from, to)
	}
	if err == nil && (to.path == from.path || strings.HasPrefix(to.path, from.path+"/")) {
		err = errs.Newf("move", r.From, errs.Usage, "a directory cannot go into itself")
	}
	if err != nil {
		return api.PutResult{}, err
	}
	return f.commit(ctx, to, r.Until, func(nodes map[string]node, version uint64) error {
		err := errors.Join(guard(nodes[from.path], r.IfVersion, false), guard(nodes[to.path], nil, r.IfAbsent))
		if err == nil {
			err = transplant(nodes, nodes, from.path, to.path, version)
		}
		removeBelow(nodes, from.path)
		delete(nodes, from.path)
		return err
	})
}

func oneVolume(op string, a, b place) error {
	if a.volume == b.volume {
		return nil
	}
	return errs.Newf(op, "", errs.Usage, "the two are in different volumes")
}

// transplant puts what is at and below a path of one state at a path of another.
func transplant(source, nodes map[string]node, from, to string, version uint64) error {
	moved := make(map[string]node)
	for path, n := range source {
		if rest, ok := strings.CutPrefix(path, from); ok && rest != "" && rest[0] == '/' {
			moved[to+rest] = n
		}
	}
	if err := set(nodes, to, source[from], version); err != nil {
		return err
	}
	maps.Copy(nodes, moved)
	return nil
}

// Copy implements api.Backend.
func (f *Fake) Copy(ctx context.Context, r api.CopyRequest) (api.PutResult, error) {
	from, e, err := f.at(r.From)
	if err == nil && e.Kind == api.Dir && !r.Recursive {
		err = errs.Hint(errs.Newf("copy", r.From, errs.Usage, "it is a directory"), "add -r to copy what is in it too")
	}
	if err != nil {
		return api.PutResult{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	to, err := f.destination(r.To, api.Path(e.Name()), true)
	if err == nil {
		err = oneVolume("copy", from, to)
	}
	if err != nil {
		return api.PutResult{}, err
	}
	return f.commit(ctx, to, r.Until, func(nodes map[string]node, version uint64) error {
		if err := guard(nodes[to.path], nil, r.IfAbsent || e.Kind == api.Dir); err != nil {
			return err
		}
		return transplant(from.nodes, nodes, from.path, to.path, version)
	})
}

// Restore implements api.Backend.
func (f *Fake) Restore(ctx context.Context, r api.RestoreRequest) (api.PutResult, error) {
	if !strings.Contains(r.Ref, "@") {
		return api.PutResult{}, errs.Newf("restore", r.Ref, errs.Usage, "it does not say which version")
	}
	p, _, err := f.at(r.Ref)
	if err != nil {
		return api.PutResult{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commit(ctx, p, r.Until, func(nodes map[string]node, version uint64) error {
		removeBelow(nodes, p.path)
		delete(nodes, p.path)
		return transplant(p.nodes, nodes, p.path, p.path, version)
	})
}

// Diff implements api.Backend. It knows no moves.
func (f *Fake) Diff(_ context.Context, r api.DiffRequest) (d api.Diff, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old, err := f.resolve(r.Old)
	if err != nil {
		return d, err
	}
	new, err := f.resolve(r.New)
	if err != nil {
		return d, err
	}
	d = api.Diff{Object: old.volume.object, OldVersion: old.version, NewVersion: new.version}
	paths := append(below(old, true), below(new, true)...)
	if len(paths) == 0 {
		return d, errs.Newf("compare", r.New, errs.NotFound, "neither version has it")
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if c, differs := compare(old, new, path); differs {
			d.Changes = append(d.Changes, c)
		}
	}
	return d, nil
}

func compare(old, new place, path string) (c api.Difference, differs bool) {
	was, before := old.entry(path)
	is, after := new.entry(path)
	c = api.Difference{Path: new.shown(path)}
	if before {
		c.Old = &was
	}
	if after {
		c.New = &is
	}
	a, b := old.nodes[path], new.nodes[path]
	c.Content = string(a.content) != string(b.content) || a.target != b.target
	switch {
	case !before:
		c.Change = api.Added
	case !after:
		c.Change = api.Removed
	case c.Content:
		c.Change = api.Modified
	case a.mode != b.mode || !a.modTime.Equal(b.modTime):
		c.Change = api.Touched
	default:
		return c, false
	}
	return c, true
}
