package main

import (
	"context"
	"errors"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// tree stores a directory.
func (p *put) tree(ctx context.Context, dir string, r api.PutTreeRequest) error {
	r.IfVersion, r.IfAbsent, r.Until, r.Checksum = p.guard.ifVersion(), p.guard.absent, api.State(p.until), p.checksum
	m := p.meter(api.Path(dir).String(), 0)
	defer m.close()
	ctx = api.WithObserver(ctx, m)
	there, err := p.there(ctx, r)
	if err != nil {
		return err
	}
	if there.listing != nil {
		defer there.listing.Close()
		r.Seen = there.version
	}
	skipped := 0
	source, err := local.NewSource(local.SourceConfig{
		Root: dir, Exclude: p.exclude, There: there.listing, Checksum: p.checksum, Delete: p.delete,
		Skip: func(path string, err error) {
			skipped++
			m.warn(local.Failure("skipped", path, err).Error())
		},
	})
	if err != nil {
		return err
	}
	stop := m.weigh(ctx, func(ctx context.Context) (int64, error) {
		return local.Weigh(ctx, local.SourceConfig{Root: dir, Exclude: p.exclude})
	})
	result, err := p.peerd.PutTree(ctx, r, &counted{source, m, 0})
	stop()
	m.close()
	if err := errors.Join(err, source.Close()); err != nil {
		return err
	}
	p.tell(source)
	if err := p.report(r.Dest, result); err != nil || skipped == 0 {
		return err
	}
	return errs.Newf("put", api.Path(dir).String(), errs.Partial, "%s left out", count(skipped, "entry was", "entries were"))
}

// tell says what was not sent, and why.
func (p *put) tell(s *local.Source) {
	if s.Same > 0 {
		p.say("peerctl: there already: %s, %s", count(s.Same, "entry", "entries"), size(s.SameBytes))
	}
	if s.Excluded > 0 {
		p.say("peerctl: %s excluded", count(s.Excluded, "entry is", "entries are"))
	}
	if s.Gone > 0 {
		p.say("peerctl: %s removed", count(s.Gone, "entry is", "entries are"))
	}
}

// there is what stands at the destination of a tree.
type there struct {
	listing *local.Listing // nil: nothing that a tree could be merged with
	version uint64
}

func (p *put) there(ctx context.Context, r api.PutTreeRequest) (t there, err error) {
	ref := r.Dest
	if into(ref) == ref && r.Name != "" {
		ref += r.Name.String()
	}
	listing := local.NewListing(func(fn func(api.Entry) error) error {
		return p.peerd.List(ctx, api.ListRequest{Ref: ref, Consistency: p.consistency, Recursive: true, Thin: true}, fn)
	})
	root, err := listing.Root()
	if err == nil && root.Kind == api.Dir {
		return there{listing, root.Snapshot}, nil
	}
	listing.Close()
	if errs.KindOf(err) == errs.NotFound {
		err = nil // it comes into being
	}
	return t, err
}

// counted is a tree whose content is counted as it goes, and what is there
// already as it is passed over.
type counted struct {
	*local.Source
	m    *meter
	same int64
}

func (c *counted) Next() (api.TreeEntry, error) {
	e, err := c.Source.Next()
	c.m.add(int(c.SameBytes - c.same))
	c.same = c.SameBytes
	return e, err
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Source.Read(b)
	c.m.add(n)
	return n, err
}
