package node

import (
	"context"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/objects"
)

// Move implements api.Backend.
func (b backend) Move(ctx context.Context, r api.MoveRequest) (api.PutResult, error) {
	t, p, err := b.changeable(ctx, r.From)
	if err != nil {
		return api.PutResult{}, err
	}
	to, err := b.dest(ctx, r.To, api.Path(api.Path(t.Path).Base()))
	if err == nil {
		err = oneVolume("move", p, to.Place)
	}
	if err != nil {
		return api.PutResult{}, err
	}
	change, err := b.gateway.Move(ctx, p, t.Path, to, condition(r.IfAbsent, r.IfVersion))
	return b.finish(ctx, p.Object, change, r.Until, err)
}

// Copy implements api.Backend.
func (b backend) Copy(ctx context.Context, r api.CopyRequest) (api.PutResult, error) {
	from, err := b.look(ctx, r.From, "")
	if err != nil {
		return api.PutResult{}, err
	}
	to, err := b.dest(ctx, r.To, api.Path(api.Path(from.path).Base()))
	if err == nil {
		err = oneVolume("copy", from.place, to.Place)
	}
	if err != nil {
		return api.PutResult{}, err
	}
	change, err := b.gateway.Copy(ctx, from.Snapshot, from.entry, to, r.Recursive, condition(r.IfAbsent, nil))
	return b.finish(ctx, to.Object, change, r.Until, err)
}

// oneVolume refuses what would need the keys and the data of two volumes.
func oneVolume(op string, a, b objects.Place) error {
	if a.Object == b.Object {
		return nil
	}
	return errs.Hint(errs.Newf(op, "", errs.Usage, "the two are in different volumes"),
		"fetch it with peerctl get and store it with peerctl put")
}

// Restore implements api.Backend.
func (b backend) Restore(ctx context.Context, r api.RestoreRequest) (api.PutResult, error) {
	t, p, err := b.place(ctx, r.Ref, false)
	if err == nil && t.Version.IsNewest() {
		err = errs.Hint(errs.Newf("restore", "", errs.Usage, "the reference does not say which version"), "write REF@7, REF@-1 or REF@2026-11-01T12:00Z; peerctl log REF lists them")
	}
	if err != nil {
		return api.PutResult{}, err
	}
	newest, err := b.gateway.Newest(ctx, p.Object)
	if err != nil {
		return api.PutResult{}, err
	}
	old, err := selected(ctx, newest, t.Version)
	if err != nil {
		return api.PutResult{}, err
	}
	change, err := b.gateway.Restore(ctx, p, t.Path, old)
	return b.finish(ctx, p.Object, change, r.Until, err)
}

// Diff implements api.Backend.
func (b backend) Diff(ctx context.Context, r api.DiffRequest) (api.Diff, error) {
	old, from, err := b.compared(ctx, r.Old, r.Consistency)
	if err != nil {
		return api.Diff{}, err
	}
	new, to, err := b.compared(ctx, r.New, r.Consistency)
	if err == nil {
		err = oneVolume("compare", old.place, new.place)
	}
	if err == nil && from == nil && to == nil {
		_, err = new.Lookup(ctx, new.root, new.path) // says what is missing
	}
	if err != nil {
		return api.Diff{}, err
	}
	differences, err := objects.Diff(ctx, old.Snapshot, new.Snapshot, from, to)
	d := api.Diff{
		Object: old.Object.String(), OldVersion: uint64(old.Version), NewVersion: uint64(new.Version),
		Changes: make([]api.Difference, 0, len(differences)),
	}
	for _, difference := range differences {
		d.Changes = append(d.Changes, exportDifference(old, new, difference))
	}
	return d, err
}

// compared finds what a REF of a comparison names; there may be nothing there.
func (b backend) compared(ctx context.Context, ref, consistency string) (seen, *objects.Entry, error) {
	v, err := b.look(ctx, ref, consistency)
	if errs.KindOf(err) == errs.NotFound && v.root != nil {
		return v, nil, nil
	}
	return v, v.entry, err
}

func exportDifference(old, new seen, d objects.Difference) api.Difference {
	out := api.Difference{Path: api.Path("/" + d.Path()), Content: d.Content}
	if d.Old != nil {
		e := old.export(d.Old)
		out.Old = &e
	}
	if d.New != nil {
		e := new.export(d.New)
		out.New = &e
	}
	switch {
	case d.Old == nil:
		out.Change = api.Added
	case d.New == nil:
		out.Change = api.Removed
	case d.Old.Path != d.New.Path:
		out.Change, out.From = api.Moved, api.Path("/"+d.Old.Path)
	case d.Content:
		out.Change = api.Modified
	default:
		out.Change = api.Touched
	}
	return out
}
