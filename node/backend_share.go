package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
)

// Share implements api.Backend.
func (b backend) Share(ctx context.Context, r api.ShareRequest) (api.PutResult, error) {
	t, p, err := b.place(ctx, r.Ref, true)
	if err != nil {
		return api.PutResult{}, err
	}
	switch {
	case !t.Version.IsNewest() && r.Write != "":
		return api.PutResult{}, errs.Newf("share", t.Version.String(), errs.Usage, "an earlier version cannot be changed, by anybody")
	case !t.Version.IsNewest():
		return b.sharePinned(ctx, r.Ref)
	case r.Write == "":
		change, err := b.gateway.Share(ctx, p, t.Path)
		return b.finish(ctx, p.Object, change, r.Until, err)
	}
	who, err := parseAuthor(r.Write)
	if err != nil {
		return api.PutResult{}, err
	}
	change, err := b.gateway.Admit(ctx, p, t.Path, who)
	return b.finish(ctx, p.Object, change, r.Until, err)
}

// sharePinned returns the reference of an entry of an earlier version.
func (b backend) sharePinned(ctx context.Context, ref string) (api.PutResult, error) {
	v, err := b.look(ctx, ref, "")
	if err != nil {
		return api.PutResult{}, err
	}
	bare := envelope.Reference{Object: v.Object, Node: v.entry.ID, Key: v.entry.Key}.String()
	pinned := bare + envelope.Selector{Version: v.Version}.String()
	return api.PutResult{
		Reference: pinned, Pinned: pinned, Path: api.Path("/" + v.entry.Path), Object: v.Object.String(),
		Version: uint64(v.Version), State: api.Ordered, Unchanged: true,
	}, nil
}

func parseAuthor(text string) (wire.PublicKey, error) {
	who, err := wire.ParsePublicKey(text)
	if err != nil {
		err = errs.Hint(errs.New("parse key", text, errs.Usage, err), "it is what peerctl id prints on the other's peer")
	}
	return who, err
}

// Revoke implements api.Backend.
func (b backend) Revoke(ctx context.Context, r api.RevokeRequest) (api.PutResult, error) {
	t, p, err := b.changeable(ctx, r.Ref)
	if err != nil {
		return api.PutResult{}, err
	}
	if r.Write == "" {
		change, err := b.gateway.Renew(ctx, p, t.Path)
		return b.finish(ctx, p.Object, change, r.Until, err)
	}
	who, err := parseAuthor(r.Write)
	if err != nil {
		return api.PutResult{}, err
	}
	change, err := b.gateway.Dismiss(ctx, p, who)
	return b.finish(ctx, p.Object, change, r.Until, err)
}

// Writers implements api.Backend.
func (b backend) Writers(ctx context.Context, r api.ReadRequest) ([]api.Writer, error) {
	v, err := b.look(ctx, r.Ref, r.Consistency)
	if err != nil {
		return nil, err
	}
	writers, err := v.Snapshot.Writers(ctx, v.root)
	if err != nil {
		return nil, err
	}
	all := make([]api.Writer, 0, len(writers))
	for _, w := range writers {
		line := api.Writer{Key: w.Key.String(), Owner: w.Owner}
		switch {
		case w.Whole && v.place.Root:
			line.Path = "/"
		case !w.Whole && !w.Hidden:
			line.Path = api.Path("/" + w.Path)
		}
		all = append(all, line)
	}
	return all, nil
}

// Volumes implements api.Backend.
func (b backend) Volumes(context.Context) ([]api.Volume, error) {
	all := []api.Volume{}
	for _, v := range b.volumes.list() {
		all = append(all, b.line(v))
	}
	return all, nil
}

// line is what a list says of a volume, from memory.
func (b backend) line(v envelope.Volume) api.Volume {
	line := api.Volume{Petname: v.Petname, Object: v.Object.String(), Shared: !v.Own(), Retention: shownRetention(v.Retention)}
	k, known := b.ring.heads.find(v.Object)
	if !known {
		var err error
		k, known, err = b.ring.local(v.Object)
		known = known && err == nil
	}
	if known {
		line.Version, line.Deleted = uint64(k.verified.Decision.Version), isDeleted(k.head)
	}
	return line
}

// AddVolume implements api.Backend.
func (b backend) AddVolume(ctx context.Context, r api.AddVolumeRequest) (api.Volume, error) {
	v, err := b.look(ctx, r.Ref, "")
	switch {
	case err != nil:
		return api.Volume{}, err
	case !v.entry.IsDir():
		return api.Volume{}, errs.Newf("add volume", r.Petname+":", errs.Usage, "the reference names a file, not a directory")
	}
	added := envelope.Volume{Petname: r.Petname, Object: v.Object, Root: v.entry.ID, RootKey: v.entry.Key, CreatedUnixMilli: now()}
	err = b.volumes.change(func(k *envelope.Keyring) error { return k.Add(added) })
	if err != nil {
		return api.Volume{}, err
	}
	line := b.line(added)
	line.Reference = added.Reference().String()
	return line, nil
}

// ChangeVolume implements api.Backend.
func (b backend) ChangeVolume(_ context.Context, r api.ChangeVolumeRequest) (api.Volume, error) {
	var v envelope.Volume
	err := b.volumes.change(func(k *envelope.Keyring) (err error) {
		if r.To != "" {
			v, err = k.Rename(r.Petname, r.To)
			return err
		}
		if v, err = k.Remove(r.Petname); err == nil && v.Own() && !r.Force {
			err = errs.Hint(errs.New("forget volume", r.Petname+":", errs.Conflict, errors.New("it is your own, and without its reference nobody finds it again")),
				"--force forgets it and prints the reference")
		}
		return err
	})
	if err != nil {
		return api.Volume{}, err
	}
	line := b.line(v)
	line.Reference = v.Reference().String()
	return line, nil
}

// rememberKeys tells the user, once, that his keys should be in a second place.
func (b backend) rememberKeys(ctx context.Context, v envelope.Volume) {
	own := 0
	for _, v := range b.volumes.list() {
		if v.Own() {
			own++
		}
	}
	if own == 1 {
		api.Note(ctx, "%s", fmt.Sprintf("%s: is your first volume; its keys are on this peer alone. `peerctl id export FILE` makes a sealed copy: keep it elsewhere", v.Petname))
	}
}
