package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// put is the verb put with its flags.
type put struct {
	*app
	recursive bool
	links     bool
	to        string
	delete    bool
	checksum  bool
	exclude   []string
	pin       bool
	until     string
	nines     int
	guard     guard
}

// guard is what must hold for a change to be made.
type guard struct {
	absent  bool
	version uint64
	given   bool // version was
}

func (g *guard) ifVersion() *uint64 {
	if !g.given {
		return nil
	}
	return &g.version
}

func (a *app) putVerb() *cobra.Command {
	p := &put{app: a}
	c := &cobra.Command{
		Use:   "put [-r] FILE…|- [DEST]",
		Short: "Store files; prints a reference for each",
		Long: `Store each FILE as home:/BASENAME, or as DEST, and print its reference. The last
argument is DEST if it reads WORD:, WORD:/… or atoll:… (write ./a:b for such a
file); --to gives any other.

If DEST is an existing directory or ends in "/", the file goes into it. With -r a
directory becomes DEST itself, merged with what is there, and links in it stay
links; files whose size, time and mode are those of DEST are passed over, so an
interrupted put goes on where it was. A FILE that is a link is followed, unless -P
is given.

--exclude and files named .atollignore leave things out; patterns read as those of
.gitignore. --delete removes what is at DEST and not in the directory, but nothing
that was left out.

Exit code 0 means that the file is archived: this peer may die from then on.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p.guard.given = c.Flags().Changed("if-version")
			return p.run(c.Context(), args)
		},
	}
	f := c.Flags()
	f.BoolVarP(&p.recursive, "recursive", "r", false, "store directories")
	f.BoolVarP(&p.links, "no-dereference", "P", false, "store a FILE that is a link as a link")
	f.StringVar(&p.to, "to", "", "the `DEST`ination, whatever it looks like")
	f.BoolVar(&p.delete, "delete", false, "with -r: remove what is at DEST and not in the directory")
	f.BoolVar(&p.checksum, "checksum", false, "with -r: compare content, not sizes and times")
	f.StringArrayVar(&p.exclude, "exclude", nil, "with -r: leave out what matches `PATTERN`; may be repeated")
	f.BoolVar(&p.pin, "pin", false, "print references to this version instead of the newest")
	f.StringVar(&p.until, "until", string(api.Archived), "when to return: `ordered or archived`")
	f.IntVar(&p.nines, "nines", 0, "durability, as for `peerctl plan` (default: as the volume says)")
	f.BoolVar(&p.guard.absent, "if-absent", false, "refuse if the destination exists")
	f.Uint64Var(&p.guard.version, "if-version", 0, "refuse if the destination changed after version `N`")
	return c
}

func (p *put) run(ctx context.Context, args []string) error {
	if s := api.State(p.until); s != api.Ordered && s != api.Archived {
		return usage("--until is ordered or archived, not %q", p.until)
	}
	if (p.delete || p.checksum || len(p.exclude) > 0) && !p.recursive {
		return usage("--delete, --checksum and --exclude need -r")
	}
	files, dest, err := p.split(args)
	if err != nil {
		return err
	}
	return p.each(ctx, files, func(file string) error { return p.one(ctx, file, dest) })
}

// split tells the files from the destination; "" is none.
func (p *put) split(args []string) (files []string, dest string, err error) {
	last := args[len(args)-1]
	switch {
	case p.to != "":
		dest, err = p.ref(p.to)
	case isDestination(last) && len(args) == 1:
		return nil, "", usage("nothing to put at %s: name a FILE before it, or write ./%s for a file of that name", last, last)
	case isDestination(last):
		args = args[:len(args)-1]
		dest, err = p.ref(last)
	}
	if len(args) > 1 && dest != "" {
		dest = into(dest)
	}
	return args, dest, err
}

// one stores what one argument names.
func (p *put) one(ctx context.Context, file, dest string) error {
	if file == "-" {
		if dest == "" {
			return usage("put - needs a DEST: standard input has no name")
		}
		r := api.PutRequest{Dest: dest, Mode: 0o644, ModTime: time.Now(), Nines: p.nines}
		return p.file(ctx, "standard input", r, p.in, 0)
	}
	name, err := baseName(file)
	if err != nil {
		return err
	}
	if dest == "" {
		dest = "home:/"
	}
	info, err := os.Stat(file)
	if p.links || errors.Is(err, fs.ErrNotExist) {
		return p.link(ctx, file, api.PutRequest{Dest: dest, Name: name}, err)
	}
	if err != nil {
		return local.Failure("put", file, err)
	}
	return p.kind(ctx, file, dest, name, info)
}

func (p *put) kind(ctx context.Context, file, dest string, name api.Path, info fs.FileInfo) error {
	switch {
	case info.IsDir() && p.recursive:
		return p.tree(ctx, file, api.PutTreeRequest{Dest: dest, Name: name, Nines: p.nines})
	case info.IsDir():
		return errs.Hint(errs.New("put", api.Path(file).String(), errs.Usage, errors.New("it is a directory")), "put -r stores directories")
	case info.Mode()&(fs.ModeSocket|fs.ModeDevice) != 0:
		return errs.New("put", api.Path(file).String(), errs.Partial, errors.New("skipped: sockets and devices cannot be stored"))
	}
	f, err := os.Open(file)
	if err != nil {
		return local.Failure("put", file, err)
	}
	defer f.Close()
	r := api.PutRequest{Dest: dest, Name: name, Mode: local.Mode(info), ModTime: local.Time(info.ModTime()), Nines: p.nines}
	return p.file(ctx, file, r, f, info.Size())
}

// link stores a link as a link, and what is no link as ever. notFound is the
// error of following it.
func (p *put) link(ctx context.Context, file string, r api.PutRequest, notFound error) error {
	info, err := os.Lstat(file)
	if err != nil {
		return local.Failure("put", file, err)
	}
	if info.Mode().Type() != fs.ModeSymlink {
		return p.kind(ctx, file, r.Dest, r.Name, info)
	}
	if !p.links {
		return errs.Hint(local.Failure("put", file, notFound), "it is a link to nothing; -P stores the link itself")
	}
	target, err := os.Readlink(file)
	if err != nil {
		return local.Failure("put", file, err)
	}
	r.Symlink, r.Mode, r.ModTime = api.Path(target), local.Mode(info), local.Time(info.ModTime())
	return p.file(ctx, file, r, nil, 0)
}

// file stores content as a file.
func (p *put) file(ctx context.Context, name string, r api.PutRequest, content io.Reader, size int64) error {
	r.IfVersion, r.IfAbsent, r.Until = p.guard.ifVersion(), p.guard.absent, api.State(p.until)
	m := p.meter(api.Path(name).String(), size)
	if content != nil {
		content = m.reader(content)
	}
	result, err := p.peerd.Put(api.WithObserver(ctx, m), r, content)
	m.close()
	if err != nil {
		return err
	}
	return p.report(r.Dest, result)
}

// report prints the reference and says what became of the put.
func (p *put) report(dest string, r api.PutResult) error {
	if r.State == api.Pending {
		return waits("put", dest, r)
	}
	p.say("%s: %s %s%s", placed(dest, r.Path), size(r.Bytes), outcome(r), replaced(r))
	return p.show(r, func() error {
		if p.pin {
			return p.print("%s", r.Pinned)
		}
		return p.print("%s", r.Reference)
	})
}

func replaced(r api.PutResult) string {
	if r.Previous == 0 || r.Unchanged {
		return ""
	}
	return fmt.Sprintf("; version %d stays readable", r.Previous)
}

// baseName returns the name that a file is stored under.
func baseName(file string) (api.Path, error) {
	full, err := filepath.Abs(file)
	if err != nil {
		return "", local.Failure("put", file, err)
	}
	name := filepath.Base(full)
	if name == "/" {
		return "", nil // the request is refused if it needs one
	}
	return api.Path(name), nil
}
