package node

import (
	"context"
	"slices"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
)

// Watch implements api.Backend.
func (b backend) Watch(ctx context.Context, r api.WatchRequest, fn func(api.LogVersion) error) error {
	if t, _, err := b.place(ctx, r.Ref, false); err != nil {
		return err
	} else if !t.Version.IsNewest() {
		return errs.Newf("watch", t.Version.String(), errs.Usage, "an earlier version does not change")
	}
	v, err := b.reading(ctx, r.Ref, r.Consistency, func(*seen) error { return nil })
	if err != nil {
		return err
	}
	woken, stop := b.news.listen(v.Object)
	defer stop()
	defer b.watches.begin(v.Object)()
	told := v.Version
	if err := fn(api.LogVersion{Version: uint64(told), Time: v.Time.UTC()}); err != nil {
		return err
	}
	for {
		head, err := b.heard(ctx, v.Object)
		if err != nil {
			return err
		}
		if head.Version > told {
			if v.Snapshot, err = b.gateway.Snapshot(v.Object, head); err != nil {
				return err
			}
			if err := v.tell(ctx, r.All, told, fn); err != nil {
				return err
			}
			told = head.Version
		}
		select {
		case <-woken:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// heard returns the newest head that this peer has, as a member or as a gateway.
func (b backend) heard(ctx context.Context, object wire.ObjectID) (objects.Head, error) {
	k, here, err := b.ring.local(object)
	if err == nil && !here {
		k, err = b.ring.find(ctx, object)
	}
	return k.export(), err
}

// tell tells of the versions after one in which what is watched has changed.
func (v seen) tell(ctx context.Context, all bool, after wire.Version, fn func(api.LogVersion) error) error {
	var found []api.LogVersion
	for info, err := range v.Snapshot.LogAfter(ctx, v.root, v.path, all, after) {
		if err != nil {
			return err
		}
		found = append(found, logVersion(info))
	}
	for _, line := range slices.Backward(found) {
		if err := fn(line); err != nil {
			return err
		}
	}
	return nil
}

func logVersion(info objects.VersionInfo) api.LogVersion {
	line := api.LogVersion{Version: uint64(info.Version), Time: info.Time.UTC(), Content: info.Content}
	if len(info.Authors) > 0 {
		line.Author = info.Authors[0].String()
	}
	return line
}
