package main

import (
	"context"
	"io"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
)

// resumed is a large file on its way in, which a broken start may have begun.
type resumed struct {
	*get
	ref   string
	entry api.Entry
	meter *meter
	path  string
}

// place puts the file in its place; content is all of it.
func (r *resumed) place(ctx context.Context, d *local.Dir, name string, content io.ReadCloser) error {
	base, _ := cutVersion(r.ref)
	p, err := d.Resume(base, name, r.entry)
	if err != nil {
		return r.written(err, r.path)
	}
	err = r.rest(ctx, p, content)
	if err == nil {
		return r.written(p.Finish(name), r.path)
	}
	if kept, lost := p.Keep(); kept && lost == nil {
		r.meter.close()
		r.say("peerctl: %s of it came and is kept; the same command goes on from there", size(p.Done()))
	}
	return r.written(err, r.path)
}

// rest fetches what is not here yet.
func (r *resumed) rest(ctx context.Context, p *local.Partial, content io.ReadCloser) error {
	if p.Done() == 0 {
		_, err := p.ReadFrom(r.meter.reader(content))
		return err
	}
	if err := content.Close(); err != nil {
		return err
	}
	r.say("peerctl: %s are already here", size(p.Done()))
	if p.Done() == r.entry.Size {
		return nil
	}
	q := api.ReadRequest{Ref: pinned(r.ref, r.entry), Consistency: r.consistency, Offset: p.Done()}
	_, content, err := r.peerd.Open(api.WithObserver(ctx, r.meter), q)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = p.ReadFrom(r.meter.reader(content))
	return err
}
