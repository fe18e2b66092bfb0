package objects

import (
	"context"
	"fmt"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// Snapshot is one certified version of an object, read-only. It may be used
// from several goroutines.
type Snapshot struct {
	Object  wire.ObjectID
	Version wire.Version
	Time    time.Time

	g     *Gateway
	state *tree.Map
}

// Newest returns the object's newest version that this gateway can learn of.
func (g *Gateway) Newest(ctx context.Context, object wire.ObjectID) (*Snapshot, error) {
	head, err := g.Ring.Head(ctx, object)
	if err != nil {
		return nil, err
	}
	return g.Snapshot(object, head)
}

// Snapshot returns the version of a head that the caller has from the ring. The
// error matches ErrDeleted, and is of kind NotFound, if that is no more.
func (g *Gateway) Snapshot(object wire.ObjectID, head Head) (*Snapshot, error) {
	if update.IsDeleted(head.Root) {
		return nil, errs.New("read volume", object.String(), errs.NotFound, ErrDeleted)
	}
	nodes := archive.NewReader(object, g.Nodes, g.Ring, g.Fetcher, head.Hint)
	return &Snapshot{
		Object: object, Version: head.Version, Time: head.Time,
		g: g, state: tree.Load(nodes, head.Root),
	}, nil
}

// At returns an earlier version of the object; s must be the newest.
func (s *Snapshot) At(ctx context.Context, v wire.Version) (*Snapshot, error) {
	if v == s.Version {
		return s, nil
	}
	info, found, err := s.version(ctx, v)
	if err != nil {
		return nil, err
	}
	if !found || info.Root.IsZero() {
		return nil, errs.New("read version", fmt.Sprint(v), errs.NotFound,
			fmt.Errorf("the newest is %d, and this one is not retained", s.Version))
	}
	return &Snapshot{
		Object: s.Object, Version: v, Time: time.UnixMilli(info.TimeUnixMilli),
		g: s.g, state: s.state.At(info.Root),
	}, nil
}

func (s *Snapshot) version(ctx context.Context, v wire.Version) (info update.VersionInfo, found bool, err error) {
	e, found, err := s.state.Get(ctx, update.VersionKey(v))
	if err != nil || !found {
		return info, false, err
	}
	info, err = update.ParseVersionInfo(e.Value)
	return info, true, err
}

// scoped reports whether this gateway's author may write only below some
// directory.
func (s *Snapshot) scoped(ctx context.Context) (bool, error) {
	e, found, err := s.state.Get(ctx, update.WriterKey(s.g.Author.Public()))
	if err != nil || !found {
		return false, err
	}
	w, err := update.ParseWriter(e.Value)
	return !w.Scope.IsZero(), err
}

// policy returns what the owner wants of the object.
func (s *Snapshot) policy(ctx context.Context) (update.Policy, error) {
	e, found, err := s.state.Get(ctx, update.PolicyKey())
	if err != nil || !found {
		return update.DefaultPolicy(), err
	}
	return update.ParsePolicy(e.Value)
}

// nines returns the durability that is wanted of what is written: as asked, or,
// if 0 is, what the volume's policy says.
func (s *Snapshot) nines(ctx context.Context, asked float64) (float64, error) {
	if asked > 0 {
		return asked, nil
	}
	policy, err := s.policy(ctx)
	return float64(policy.Nines), err
}
