package objects

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// VersionInfo is a retained version of an object.
type VersionInfo struct {
	Version wire.Version
	Time    time.Time
	Authors []wire.PublicKey
	Content bool // a directory entry, a file or a block changed
}

// Versions yields the retained versions, newest first.
func (s *Snapshot) Versions(ctx context.Context) iter.Seq2[VersionInfo, error] {
	return func(yield func(VersionInfo, error) bool) {
		// The map is scanned upwards, so it is read in runs from the end.
		const run = 256
		for hi := uint64(s.Version) + 1; hi > 0; hi -= min(hi, run) {
			infos, err := s.versionRun(ctx, hi-min(hi, run), hi)
			if err != nil {
				yield(VersionInfo{}, err)
				return
			}
			for _, info := range slices.Backward(infos) {
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

func (s *Snapshot) versionRun(ctx context.Context, lo, hi uint64) (infos []VersionInfo, err error) {
	for e, err := range s.state.Scan(ctx, update.VersionKey(wire.Version(lo)), update.VersionKey(wire.Version(hi))) {
		if err != nil {
			return nil, err
		}
		v, err := update.ParseVersionKey(e.Key)
		if err != nil {
			return nil, err
		}
		info, err := update.ParseVersionInfo(e.Value)
		if err != nil {
			return nil, err
		}
		infos = append(infos, VersionInfo{v, time.UnixMilli(info.TimeUnixMilli), info.Authors, info.Content})
	}
	return infos, nil
}

// Back returns the version in which content had changed n times less than now.
// Versions that changed none are not counted.
func (s *Snapshot) Back(ctx context.Context, n int) (wire.Version, error) {
	left := n
	for v, err := range s.Versions(ctx) {
		if err != nil {
			return 0, err
		}
		if !v.Content {
			continue
		}
		if left == 0 {
			return v.Version, nil
		}
		left--
	}
	return 0, errs.New("find version", fmt.Sprintf("@-%d", n), errs.NotFound, fmt.Errorf("there are %d", n-left))
}

// Until returns the newest version that is not later than t.
func (s *Snapshot) Until(ctx context.Context, t time.Time) (wire.Version, error) {
	for v, err := range s.Versions(ctx) {
		if err != nil {
			return 0, err
		}
		if !v.Time.After(t) {
			return v.Version, nil
		}
	}
	return 0, errs.New("find version", t.Format(time.RFC3339), errs.NotFound, fmt.Errorf("the volume is younger"))
}

// below takes in what is below a directory. It looks at ids alone and opens no
// name and no key.
func (s *Snapshot) below(ctx context.Context, dir wire.NodeID, above []wire.NodeID, now *contents) error {
	if len(above) > depthMax || slices.Contains(above, dir) {
		return errNested("")
	}
	lo, hi := update.DirRange(dir)
	for raw, err := range s.state.Scan(ctx, lo, hi) {
		if err != nil {
			return err
		}
		value, err := update.ParseDirEntry(raw.Value)
		if err != nil {
			return errs.New("read directory", dir.String(), errs.Damaged, err)
		}
		now.changed = max(now.changed, raw.Changed)
		now.entries++
		if value.Kind == update.KindDir && value.Child != dir { // its self entry names itself
			if err := s.below(ctx, value.Child, append(above, dir), now); err != nil {
				return err
			}
		}
	}
	return nil
}
