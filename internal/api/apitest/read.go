package apitest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// pieceBytes is how much content is given at once.
const pieceBytes = 32 << 10

// Status implements api.Backend.
func (f *Fake) Status(context.Context) (api.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := api.Status{
		Peer: "12D3KooWFake", Version: "fake", Addresses: []string{"/ip4/127.0.0.1/tcp/4707"},
		Peers: 49, Connected: 12, StoredBytes: 1 << 20, QuotaBytes: 10 << 30, UptimeSec: 90,
	}
	if f.Alone {
		s.Peers, s.Connected = 0, 0
	}
	for _, v := range f.volumes {
		s.Volumes = append(s.Volumes, api.Volume{Petname: v.petname, Object: v.object, Version: v.newest()})
	}
	return s, nil
}

// Peers implements api.Backend.
func (f *Fake) Peers(context.Context) ([]api.Peer, error) {
	return []api.Peer{{Peer: "12D3KooWOther", Addresses: []string{"/ip4/127.2.0.1/tcp/4707"}, Connected: true, FreeBytes: 5 << 30, RTTMicros: 1500}}, nil
}

// Doctor implements api.Backend.
func (f *Fake) Doctor(context.Context) ([]api.Finding, error) {
	findings := []api.Finding{{Severity: api.OK, Subject: "disk", Message: "10 GiB free"}}
	if f.Alone {
		findings = append(findings, api.Finding{Severity: api.Problem, Subject: "peers", Message: "no other peer is known", Hint: "peerd run --join INVITATION"})
	}
	return findings, nil
}

// Invite implements api.Backend.
func (f *Fake) Invite(context.Context) (string, error) { return "atoll-join:fake", nil }

// Identity implements api.Backend.
func (f *Fake) Identity(context.Context) (api.Identity, error) {
	return api.Identity{Author: author, Peer: "12D3KooWFake"}, nil
}

// at resolves a reference that something is read at, and is to exist.
func (f *Fake) at(ref string) (place, api.Entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.resolve(ref)
	if err != nil {
		return p, api.Entry{}, err
	}
	e, ok := p.entry(p.path)
	if !ok {
		return p, e, errs.New("find", ref, errs.NotFound, errors.New("no such entry"))
	}
	return p, e, nil
}

// Stat implements api.Backend.
func (f *Fake) Stat(_ context.Context, r api.ReadRequest) (api.Entry, error) {
	p, e, err := f.at(r.Ref)
	e.Snapshot = p.version
	return e, err
}

// Open implements api.Backend.
func (f *Fake) Open(ctx context.Context, r api.ReadRequest) (api.Entry, io.ReadCloser, error) {
	p, e, err := f.at(r.Ref)
	if err != nil || e.Kind != api.File {
		return e, nil, err
	}
	if r.Offset < 0 || r.Length < 0 || r.Offset > e.Size {
		return e, nil, errs.Newf("read", r.Ref, errs.Usage, "it has %d bytes", e.Size)
	}
	content := p.nodes[p.path].content[r.Offset:]
	if r.Length > 0 && r.Length < int64(len(content)) {
		content = content[:r.Length]
	}
	return e, &reader{f: f, ctx: ctx, rest: content}, nil
}

type reader struct {
	f     *Fake
	ctx   context.Context
	given int64
	rest  []byte
}

func (r *reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.f.OnRead != nil {
		if err := r.f.OnRead(r.ctx, r.given); err != nil {
			return 0, err
		}
	}
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), pieceBytes)], r.rest)
	r.rest, r.given = r.rest[n:], r.given+int64(n)
	return n, nil
}

func (r *reader) Close() error { return nil }

// below returns the paths of at and of what is below it, in the order of Walk.
func below(p place, recursive bool) []string {
	var found []string
	for path := range p.nodes {
		rest, ok := strings.CutPrefix(path, p.path)
		if !ok || rest != "" && rest[0] != '/' || !recursive && strings.Count(rest, "/") > 1 {
			continue
		}
		found = append(found, path)
	}
	slices.SortFunc(found, func(a, b string) int {
		return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
	})
	return found
}

// Walk implements api.Backend.
func (f *Fake) Walk(ctx context.Context, r api.ReadRequest, fn func(api.Entry, func() (io.ReadCloser, error)) error) error {
	p, _, err := f.at(r.Ref)
	if err != nil {
		return err
	}
	for i, path := range below(p, true) {
		e, _ := p.entry(path)
		if i == 0 {
			e.Snapshot = p.version
		}
		var open func() (io.ReadCloser, error)
		if e.Kind == api.File && !api.Skipped(r.Skip, int64(i)) {
			open = func() (io.ReadCloser, error) {
				return &reader{f: f, ctx: ctx, rest: p.nodes[path].content}, nil
			}
		}
		if err := fn(e, open); err != nil {
			return err
		}
	}
	return nil
}

// List implements api.Backend.
func (f *Fake) List(_ context.Context, r api.ListRequest, fn func(api.Entry) error) error {
	p, _, err := f.at(r.Ref)
	if err != nil {
		return err
	}
	for i, path := range below(p, r.Recursive) {
		e, _ := p.entry(path)
		if i == 0 {
			e.Snapshot = p.version
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// Log implements api.Backend.
func (f *Fake) Log(_ context.Context, r api.LogRequest) (api.Log, error) {
	p, _, err := f.at(r.Ref)
	if err != nil {
		return api.Log{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	log := api.Log{Object: p.volume.object, Path: p.shown(p.path)}
	for i := len(p.volume.versions) - 1; i > 0; i-- {
		n := uint64(i)
		if changed(p.volume.versions[i], p.path, n) {
			log.Versions = append(log.Versions, api.LogVersion{Version: n, Time: p.volume.versions[i].time, Author: author, Content: true})
		}
	}
	return log, nil
}

// changed reports whether a version changed something at or below a path.
func changed(v version, at string, number uint64) bool {
	for path, n := range v.nodes {
		if n.version == number && (path == at || strings.HasPrefix(path, at+"/")) {
			return true
		}
	}
	return false
}

// Check implements api.Backend.
func (f *Fake) Check(ctx context.Context, r api.CheckRequest) (api.CheckReport, error) {
	p, e, err := f.at(r.Ref)
	if err != nil {
		return api.CheckReport{}, err
	}
	api.Report(ctx, api.Progress{Phase: "checking", Done: 1, Total: 1, Unit: "extents"})
	report := api.CheckReport{
		Healthy: !f.Short, Object: e.Object, Path: e.Path, Version: p.version, Files: 1, Bytes: e.Size, Alone: f.Alone,
		Extents: []api.ExtentReport{{Extent: "extent1", K: 16, N: 32, Alive: 32, Repair: 28, Risk: 6.6e-13, Holders: []string{"12D3KooWOther"}}},
	}
	if r.History {
		report.Replayed = &api.Replayed{Versions: p.version, Updates: int(p.version)}
	}
	if r.Repair {
		report.Rebuilt, f.Short, report.Healthy = 17, false, true
	}
	if f.Short {
		report.Extents[0].Alive = 15
		report.Problems = []api.CheckProblem{{Path: e.Path, Extent: "extent1", Kind: errs.TooFew.String(), Message: "15 of 32 shares are alive, 16 are needed"}}
	}
	return report, nil
}
