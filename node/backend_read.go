package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// seen is what a REF of a read names.
type seen struct {
	*objects.Snapshot
	place objects.Place
	path  string
	root  *objects.Entry
	entry *objects.Entry
}

// look finds the entry that a REF names in the version that it selects.
func (b backend) look(ctx context.Context, ref, consistency string) (seen, error) {
	return b.reading(ctx, ref, consistency, func(v *seen) (err error) {
		v.entry, err = v.Lookup(ctx, v.root, v.path)
		return err
	})
}

// reading opens what a REF names, as new as the level of consistency asks for,
// and looks there. Before it says that something is not there it asks the ring
// whether anything is newer: somebody may have just been told where to look.
func (b backend) reading(ctx context.Context, ref, consistency string, look func(*seen) error) (v seen, err error) {
	level, err := api.ParseConsistency(consistency)
	if err != nil {
		return v, err
	}
	t, p, err := b.place(ctx, ref, strings.HasPrefix(ref, homePetname+":"))
	if err != nil {
		return v, err
	}
	head, err := b.ring.headAt(ctx, p.Object, level)
	if err != nil {
		return v, err
	}
	open := func() error {
		v = seen{place: p, path: t.Path}
		newest, err := b.gateway.Snapshot(p.Object, head)
		if err != nil {
			return err
		}
		if v.Snapshot, err = selected(ctx, newest, t.Version); err != nil {
			return err
		}
		if v.root, err = v.Place(ctx, p); err != nil {
			return err
		}
		return look(&v)
	}
	err = open()
	if errs.KindOf(err) != errs.NotFound || level.Level == api.Any || level.Level == api.Latest {
		return v, err
	}
	if newer := b.ring.renew(ctx, p.Object); newer.Version > head.Version {
		head = newer
		err = open()
	}
	return v, err
}

func selected(ctx context.Context, newest *objects.Snapshot, s envelope.Selector) (*objects.Snapshot, error) {
	var err error
	v := newest.Version
	switch {
	case s.Version != 0:
		v = s.Version
	case s.Back != 0:
		v, err = newest.Back(ctx, int(s.Back))
	case !s.Time.IsZero():
		v, err = newest.Until(ctx, s.Time)
	}
	if err != nil {
		return nil, err
	}
	return newest.At(ctx, v)
}

var kinds = map[update.EntryKind]api.Kind{update.KindFile: api.File, update.KindDir: api.Dir, update.KindSymlink: api.Symlink}

func (v seen) export(e *objects.Entry) api.Entry {
	return api.Entry{
		Object: v.Object.String(), Path: api.Path("/" + e.Path), Version: uint64(e.Changed), Kind: kinds[e.Kind],
		Size: e.Size, Mode: e.Attr.Mode, ModTime: time.Unix(e.Attr.Sec, int64(e.Attr.Nsec)).UTC(), Target: api.Path(e.Attr.Target),
	}
}

// first is the first entry of an answer.
func (v seen) first() api.Entry {
	e := v.export(v.entry)
	e.Snapshot = uint64(v.Version)
	return e
}

func (b backend) Open(ctx context.Context, r api.ReadRequest) (api.Entry, io.ReadCloser, error) {
	v, err := b.look(ctx, r.Ref, r.Consistency)
	if err != nil {
		return api.Entry{}, nil, err
	}
	e := v.first()
	if v.entry.Kind != update.KindFile {
		return e, nil, nil
	}
	if r.Offset > v.entry.Size {
		return e, nil, errs.Newf("read", e.Path.String(), errs.Usage, "the range starts at byte %d of %d", r.Offset, v.entry.Size)
	}
	length := r.Length
	if length == 0 {
		length = -1
	}
	return e, v.content(ctx, r.Offset, length), nil
}

// content reads a file in a goroutine that ends with the context, or when the
// reader is closed.
func (v seen) content(ctx context.Context, offset, length int64) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(v.ReadFile(ctx, v.entry, offset, length, w)) }()
	return r
}

func (b backend) Walk(ctx context.Context, r api.ReadRequest, fn func(api.Entry, func() (io.ReadCloser, error)) error) error {
	v, err := b.look(ctx, r.Ref, r.Consistency)
	if err != nil {
		return err
	}
	if err := api.CheckSkip(r.Skip); err != nil {
		return errs.New("read tree", "", errs.Usage, err)
	}
	top := v.first()
	if v.entry.Kind == update.KindFile {
		return fn(top, func() (io.ReadCloser, error) { return v.content(ctx, 0, -1), nil })
	}
	if err := fn(top, nil); err != nil || !v.entry.IsDir() {
		return err
	}
	i := int64(0) // the entry itself
	skip := func() bool {
		i++
		return api.Skipped(r.Skip, i)
	}
	return v.ReadTree(ctx, v.entry, skip, func(e *objects.Entry, content io.Reader) error {
		if content == nil {
			return fn(v.export(e), nil)
		}
		return fn(v.export(e), func() (io.ReadCloser, error) { return io.NopCloser(content), nil })
	})
}

func (b backend) List(ctx context.Context, r api.ListRequest, fn func(api.Entry) error) error {
	v, err := b.look(ctx, r.Ref, r.Consistency)
	if err != nil {
		return err
	}
	if err := fn(v.first()); err != nil || !v.entry.IsDir() {
		return err
	}
	thin := v.Thin()
	for e, err := range v.Sorted(ctx, v.entry, r.Recursive) {
		if err != nil {
			return err
		}
		out := v.export(e)
		if r.Thin {
			if out.Thin, err = thin(ctx, e); err != nil {
				return err
			}
		}
		if err := fn(out); err != nil {
			return err
		}
	}
	return nil
}

func (b backend) Stat(ctx context.Context, r api.ReadRequest) (api.Entry, error) {
	v, err := b.look(ctx, r.Ref, r.Consistency)
	if err != nil {
		return api.Entry{}, err
	}
	return v.first(), nil
}

func (b backend) Log(ctx context.Context, r api.LogRequest) (log api.Log, err error) {
	_, err = b.reading(ctx, r.Ref, r.Consistency, func(v *seen) (err error) {
		log, err = b.history(ctx, *v, r)
		return err
	})
	return log, err
}

func (b backend) history(ctx context.Context, v seen, r api.LogRequest) (api.Log, error) {
	log := api.Log{Object: v.Object.String(), Path: api.Path("/" + v.path)}
	for info, err := range v.Snapshot.Log(ctx, v.root, v.path, r.All) {
		if err != nil {
			return log, err
		}
		log.Versions = append(log.Versions, logVersion(info))
	}
	if len(log.Versions) == 0 && v.path != "" {
		return log, errs.New("log", log.Path.String(), errs.NotFound, errors.New("no retained version has such an entry"))
	}
	return log, nil
}

func (b backend) Check(ctx context.Context, r api.CheckRequest) (api.CheckReport, error) {
	v, err := b.look(ctx, r.Ref, r.Consistency)
	if err != nil {
		return api.CheckReport{}, err
	}
	var replayed *api.Replayed
	if r.History {
		if replayed, err = b.ring.replay(ctx, v.Object, v.Version, b.treeSource(v.Object)); err != nil {
			return api.CheckReport{}, err
		}
	}
	rebuilt := 0
	if r.Repair {
		if rebuilt, err = b.mend(ctx, v.Object); err != nil {
			return api.CheckReport{}, err
		}
	}
	unarchived, err := b.isUnarchived(ctx, v.Object)
	if err != nil {
		return api.CheckReport{}, err
	}
	hint, err := b.ring.archives(ctx, v.Object)
	if err != nil {
		return api.CheckReport{}, err
	}
	h, err := v.Check(ctx, v.entry, hint, r.Verify, func(done, total int) {
		api.Report(ctx, api.Progress{Phase: "checking", Done: int64(done), Total: int64(total), Unit: "extents"})
	})
	report := checkReport(v, h)
	report.Rebuilt, report.Replayed = rebuilt, replayed
	b.figures(v.Object, &report)
	if r.Verify && (errs.KindOf(err) == errs.TooFew || errs.KindOf(err) == errs.Damaged) {
		problem(&report, api.CheckProblem{Path: report.Path, Kind: errs.KindOf(err).String(), Message: err.Error()})
		err = nil
	}
	if err != nil {
		return report, err
	}
	if unarchived && !b.alone() {
		problem(&report, api.CheckProblem{Path: "/", Tree: true, Kind: errs.TooFew.String(), Message: "the newest versions of the volume's tree are not archived yet"})
	}
	return report, err
}

func problem(report *api.CheckReport, p api.CheckProblem) {
	report.Healthy = false
	report.Problems = append(report.Problems, p)
}

func checkReport(v seen, h objects.Health) api.CheckReport {
	report := api.CheckReport{
		Healthy: true, Object: v.Object.String(), Path: api.Path("/" + v.entry.Path), Version: uint64(h.Version),
		Files: h.Files, Bytes: h.Bytes, Verified: h.Verified, Alone: h.Alone,
		Extents: []api.ExtentReport{}, Problems: []api.CheckProblem{},
	}
	for _, x := range h.Extents {
		line := api.ExtentReport{Extent: x.Extent.String(), K: x.K, N: x.N, Alive: x.Alive, Repair: x.RepairAt, Risk: x.Risk, Holders: []string{}}
		for _, p := range x.Holders {
			line.Holders = append(line.Holders, p.String())
		}
		report.Extents = append(report.Extents, line)
		if x.Healthy {
			continue
		}
		report.Healthy = false
		report.Problems = append(report.Problems, problems(x)...)
	}
	return report
}

// problems names the files that suffer from the state of an extent.
func problems(x objects.ExtentHealth) []api.CheckProblem {
	p := api.CheckProblem{
		Extent: x.Extent.String(), Kind: errs.TooFew.String(),
		Message: fmt.Sprintf("%d of %d shares answer, %d are needed", x.Alive, x.N, x.K),
	}
	if x.Err != nil {
		p.Kind, p.Message = errs.KindOf(x.Err).String(), x.Err.Error()
	}
	files := x.Files
	if x.Tree {
		files, p.Tree = []string{""}, true
		p.Message = "the volume's own tree: " + p.Message
	}
	var all []api.CheckProblem
	for _, f := range files {
		p.Path = api.Path("/" + f)
		all = append(all, p)
	}
	return all
}
