package apitest

import (
	"context"
	"strings"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// Watch implements api.Backend.
func (f *Fake) Watch(ctx context.Context, r api.WatchRequest, fn func(api.LogVersion) error) error {
	if strings.Contains(r.Ref, "@") {
		return errs.Newf("watch", r.Ref, errs.Usage, "an earlier version does not change")
	}
	told := uint64(0)
	for first := true; ; first = false {
		versions, changes, err := f.since(r, told, first)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if told = v.Version; v.Author == "" {
				continue
			}
			if err := fn(v); err != nil {
				return err
			}
		}
		select {
		case <-changes:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// since returns the newest version, or those after one, and what is closed when
// there are more. Those that are not wanted have no author.
func (f *Fake) since(r api.WatchRequest, after uint64, first bool) (found []api.LogVersion, changes <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.resolve(r.Ref)
	if err != nil {
		return nil, nil, err
	}
	if f.changes == nil {
		f.changes = make(chan struct{})
	}
	newest := p.volume.newest()
	if first {
		after = newest - min(newest, 1)
	}
	for n := after + 1; n <= newest || first; n++ {
		v := api.LogVersion{Version: min(n, newest), Time: p.volume.versions[newest].time, Content: true}
		if first || r.All || changed(p.volume.versions[n], p.path, n) {
			v.Author = author
		}
		found, first = append(found, v), false
	}
	return found, f.changes, nil
}
