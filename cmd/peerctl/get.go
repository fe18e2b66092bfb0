package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// get is the verb get with its flags.
type get struct {
	*app
	local.Options
	recursive bool
	span      span
	special   int // entries whose special mode bits were left out
}

func (a *app) getVerb() *cobra.Command {
	g := &get{app: a}
	c := &cobra.Command{
		Use:   "get [-r] REF [FILE|-]",
		Short: "Fetch a file or a directory",
		Long: `Fetch REF into FILE, into the directory FILE, or, without FILE, into a file of its
own name here. "-" is standard output. With -r a directory becomes FILE itself; if
that exists, what comes is merged into it.

A file appears under its name only when it is whole and proved; what had that name
is replaced in one step. Modes, times and links come back as they were stored.

What broke off is gone on with by the same command. get -r fetches only files that are
not here already, by size, mode and time.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error { return g.run(c.Context(), args) },
	}
	f := c.Flags()
	f.BoolVarP(&g.recursive, "recursive", "r", false, "fetch a directory")
	f.Var(&g.span, "range", "fetch only bytes `FROM-TO`, both counted from 0 and included; FROM- and -LAST too")
	f.BoolVar(&g.SpecialModes, "setuid", false, "restore set-user-ID and set-group-ID bits too")
	return c
}

func (g *get) run(ctx context.Context, args []string) error {
	ref, err := g.ref(args[0])
	if err != nil {
		return err
	}
	to := ""
	if len(args) == 2 {
		if to = args[1]; to == "" {
			return usage("FILE is empty")
		}
	}
	switch {
	case g.recursive && g.span.given:
		return usage("--range and -r exclude each other")
	case g.recursive && to == "-":
		return usage("a directory cannot go to standard output")
	case g.recursive:
		err = g.tree(ctx, ref, to)
	default:
		err = g.file(ctx, ref, to)
	}
	if err == nil && g.special > 0 {
		g.say("peerctl: %s not restored; --setuid does", count(g.special, "set-user-ID or set-group-ID bit was", "set-user-ID or set-group-ID bits were"))
	}
	return err
}

// file fetches a file or a link.
func (g *get) file(ctx context.Context, ref, to string) error {
	r, err := g.request(ctx, ref, g.span)
	if err != nil {
		return err
	}
	m := g.meter(shown(ref), later)
	defer m.close()
	e, content, err := g.peerd.Open(api.WithObserver(ctx, m), r)
	if err != nil {
		return err
	}
	if content != nil {
		defer content.Close()
		m.expect(r, e)
	}
	if e.Kind == api.Dir {
		return errs.Hint(errs.New("get", shown(ref), errs.Usage, errors.New("it is a directory")), "get -r fetches directories")
	}
	if isStream(to) {
		return g.pour(ref, to, e, content, m)
	}
	return g.place(ctx, ref, to, e, content, m)
}

// isStream tells standard output and files that content is written to rather
// than replaced by: pipes and devices.
func isStream(to string) bool {
	if to == "-" {
		return true
	}
	info, err := os.Stat(to)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

func (g *get) pour(ref, to string, e api.Entry, content io.Reader, m *meter) error {
	if e.Kind == api.Symlink {
		return isLink(ref, e)
	}
	out := g.out
	if to != "-" {
		f, err := os.OpenFile(to, os.O_WRONLY, 0)
		if err != nil {
			return local.Failure("write", to, err)
		}
		defer f.Close()
		out = f
	}
	return pour(out, m.reader(content))
}

func isLink(ref string, e api.Entry) error {
	err := errs.Newf("read", shown(ref), errs.Usage, "it is a link to %s", e.Target)
	return errs.Hint(err, "name what it leads to, or fetch the link itself with `peerctl get REF FILE`")
}

// place puts what was fetched in its place on the disk.
func (g *get) place(ctx context.Context, ref, to string, e api.Entry, content io.ReadCloser, m *meter) error {
	dir, name, err := target(ref, to, e)
	if err != nil {
		return err
	}
	d, err := local.OpenDir(dir, g.Options)
	if err != nil {
		return local.Failure("write", dir, err)
	}
	defer d.Close()
	g.notice(e)
	if e.Kind == api.Symlink {
		return g.written(d.Symlink(name, e), filepath.Join(dir, name))
	}
	if e.Size >= local.PartialBytesMin && !g.span.given {
		r := resumed{get: g, ref: ref, entry: e, meter: m, path: filepath.Join(dir, name)}
		return r.place(ctx, d, name, content)
	}
	return g.written(d.File(name, e, m.reader(content)), filepath.Join(dir, name))
}

// written keeps an error that came from peerd as it is, and names the file in
// one that is about it.
func (g *get) written(err error, path string) error {
	var known *errs.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return local.Failure("write", path, err)
}

func (g *get) notice(e api.Entry) {
	if !g.SpecialModes && e.Mode&local.SpecialBits != 0 && e.Kind != api.Symlink {
		g.special++
	}
}

// target says which directory an entry goes to, and under which name.
func target(ref, to string, e api.Entry) (dir, name string, err error) {
	info, statErr := os.Stat(to)
	switch {
	case to == "":
		dir, name = ".", e.Name()
	case statErr == nil && info.IsDir():
		dir, name = to, e.Name()
	case strings.HasSuffix(to, "/"):
		return "", "", local.Failure("write", to, &fs.PathError{Op: "open", Path: to, Err: fs.ErrNotExist})
	default:
		dir, name = filepath.Split(to)
		if dir == "" {
			dir = "."
		}
	}
	if name == "" {
		return "", "", errs.Hint(errs.New("get", shown(ref), errs.Usage, errors.New("the reference does not say its name")), "say what to call it: peerctl get REF FILE")
	}
	return dir, name, nil
}

// request asks for a span of a file.
func (a *app) request(ctx context.Context, ref string, s span) (api.ReadRequest, error) {
	r := api.ReadRequest{Ref: ref, Consistency: a.consistency, Offset: s.from, Length: s.length}
	if s.last == 0 {
		return r, nil
	}
	e, err := a.peerd.Stat(a.listening(ctx), api.ReadRequest{Ref: ref, Consistency: a.consistency})
	r.Offset = max(0, e.Size-s.last)
	return r, err
}

// pour copies content to standard output or a file.
func pour(w io.Writer, r io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 256<<10))
	return err
}
