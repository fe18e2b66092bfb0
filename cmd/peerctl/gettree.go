package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// tree fetches a directory. All of it is of one version; what is here already is
// not fetched again.
func (g *get) tree(ctx context.Context, ref, to string) error {
	m := g.meter(shown(ref), 0)
	defer m.close()
	ctx = api.WithObserver(ctx, m)
	t := &fetched{get: g, m: m, ref: ref, to: to}
	root, err := g.peerd.Stat(ctx, api.ReadRequest{Ref: ref, Consistency: g.consistency})
	if err == nil {
		err = t.begin(root)
	}
	if err != nil {
		return err
	}
	err = t.fetch(ctx)
	if err == nil {
		err = g.written(t.tree.Finish(), t.to)
	}
	kept, abort := t.tree.Abort()
	m.close()
	switch {
	case err != nil && kept:
		g.say("peerctl: what came so far is kept; the same command goes on from there")
	case err == nil:
		err = abort
	}
	if err == nil && t.had > 0 {
		g.say("peerctl: %s, %s, already here", count(t.had, "file was", "files were"), size(t.hadBytes))
	}
	return err
}

// fetched is a tree on its way in.
type fetched struct {
	*get
	m       *meter
	ref, to string
	root    api.Path
	tree    *local.Tree

	had      int // files that were here
	hadBytes int64
	skip     []int64
	at       int64 // entries that came
}

// begin opens the place where the tree goes, and pins the reference to the
// version that its root was seen in.
func (t *fetched) begin(root api.Entry) (err error) {
	if root.Kind != api.Dir {
		return errs.Hint(errs.New("get", shown(t.ref), errs.Usage, errors.New("it is a "+string(root.Kind))), "get without -r fetches files and links")
	}
	if t.to == "" {
		t.to = root.Name()
	}
	if t.to == "" {
		return errs.Hint(errs.New("get", shown(t.ref), errs.Usage, errors.New("the reference does not say its name")), "say what to call it: peerctl get -r REF DIR")
	}
	t.root = root.Path
	base, _ := cutVersion(t.ref)
	t.ref = pinned(t.ref, root)
	t.tree, err = local.NewTree(t.to, base, root.Snapshot, t.Options)
	return t.written(err, t.to)
}

// pinned returns a reference to the version in which an entry was seen.
func pinned(ref string, e api.Entry) string {
	base, version := cutVersion(ref)
	if version == "" && e.Snapshot > 0 {
		return base + "@" + strconv.FormatUint(e.Snapshot, 10)
	}
	return ref
}

func (t *fetched) fetch(ctx context.Context) error {
	if t.tree.Begun {
		if err := t.compare(ctx); err != nil {
			return err
		}
	}
	defer t.m.weigh(ctx, t.weigh)()
	return t.peerd.Walk(ctx, api.ReadRequest{Ref: t.ref, Consistency: t.consistency, Skip: t.skip}, t.add)
}

// weigh returns how many bytes are to come.
func (t *fetched) weigh(ctx context.Context) (int64, error) {
	left := -t.hadBytes
	err := t.peerd.List(api.WithObserver(ctx, nil), api.ListRequest{Ref: t.ref, Consistency: t.consistency, Recursive: true}, func(e api.Entry) error {
		left += e.Size
		return nil
	})
	return left, err
}

// skipMax bounds what one request leaves out: stretches of entries that are here
// already.
const skipMax = 4000

// stretch is entries of a walk, one after another, that are here already.
type stretch struct {
	from, to int64 // the first, and the one after the last
	files    int
	bytes    int64
}

// compare finds what is here already.
func (t *fetched) compare(ctx context.Context) error {
	var here []stretch
	i := int64(-1)
	err := t.peerd.List(ctx, api.ListRequest{Ref: t.ref, Consistency: t.consistency, Recursive: true}, func(e api.Entry) error {
		i++
		if !t.tree.Has(e.Path.Below(t.root), e) {
			return nil
		}
		if last := len(here) - 1; last < 0 || here[last].to != i {
			here = append(here, stretch{from: i, to: i})
		}
		last := &here[len(here)-1]
		last.to, last.files, last.bytes = i+1, last.files+1, last.bytes+e.Size
		return nil
	})
	// Too many are a matter of small files; the largest stretches count.
	if len(here) > skipMax {
		slices.SortFunc(here, func(a, b stretch) int { return cmp.Compare(b.bytes, a.bytes) })
		here = here[:skipMax]
		slices.SortFunc(here, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	}
	for _, s := range here {
		t.skip = append(t.skip, s.from, s.to)
		t.had, t.hadBytes = t.had+s.files, t.hadBytes+s.bytes
	}
	return err
}

func (t *fetched) add(e api.Entry, open func() (io.ReadCloser, error)) error {
	i := t.at
	t.at++
	t.notice(e)
	path := e.Path.Below(t.root)
	if open == nil && e.Kind == api.File {
		if !api.Skipped(t.skip, i) {
			return errs.New("read tree", e.Path.String(), errs.Other, errors.New("its content did not come"))
		}
		return nil
	}
	if open == nil {
		return t.written(t.tree.Add(path, e, nil), filepath.Join(t.to, string(path)))
	}
	content, err := open()
	if err != nil {
		return err
	}
	defer content.Close()
	return t.written(t.tree.Add(path, e, t.m.reader(content)), filepath.Join(t.to, string(path)))
}
