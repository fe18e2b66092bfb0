package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
)

// ls is the verb ls with its flags.
type ls struct {
	*app
	long, recursive, raw bool
}

func (a *app) lsVerb() *cobra.Command {
	l := &ls{app: a}
	c := &cobra.Command{
		Use:   "ls [-lR] [-0] [REF…]",
		Short: "List directories",
		Long: `List what is in a directory, home: without REF, one name a line. In names @, %,
control characters and bytes that are no UTF-8 stand as %XX, as a REF wants them;
-0 writes the bytes themselves, a zero byte after each name.

-l shows mode, size, time, and the version that last changed the entry.`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"home:"}
			}
			return l.each(c.Context(), args, func(arg string) error { return l.run(c.Context(), arg) })
		},
	}
	f := c.Flags()
	f.BoolVarP(&l.long, "long", "l", false, "show more than names")
	f.BoolVarP(&l.recursive, "recursive", "R", false, "list everything below, as paths")
	f.BoolVarP(&l.raw, "null", "0", false, "raw names, each ended by a zero byte")
	return c
}

func (l *ls) run(ctx context.Context, arg string) error {
	ref, err := l.ref(arg)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(l.out, 64<<10)
	var list listing = &names{ls: l, out: out}
	if l.json {
		list = &document{out: out}
	}
	shown := &entries{list: list}
	err = l.peerd.List(l.listening(ctx), api.ListRequest{Ref: ref, Consistency: l.consistency, Recursive: l.recursive}, shown.add)
	if err == nil {
		err = shown.end()
	}
	flushed := out.Flush()
	if err != nil {
		return err
	}
	return flushed
}

// listing writes entries, each with its path from the directory that is listed.
type listing interface {
	add(e api.Entry, path api.Path) error
	end() error
}

// entries leaves out the directory that is listed: it comes first.
type entries struct {
	list  listing
	begun bool
	root  api.Entry
}

func (s *entries) add(e api.Entry) error {
	if !s.begun {
		s.begun, s.root = true, e
		return nil
	}
	return s.list.add(e, e.Path.Below(s.root.Path))
}

func (s *entries) end() error {
	if s.begun && s.root.Kind != api.Dir {
		if err := s.list.add(s.root, api.Path(s.root.Name())); err != nil {
			return err
		}
	}
	return s.list.end()
}

// names writes a line for each entry.
type names struct {
	*ls
	out io.Writer
}

func (n *names) add(e api.Entry, path api.Path) error {
	name, end := path.String(), "\n"
	if n.raw {
		name, end = string(path), "\x00"
	}
	if n.long {
		name = fmt.Sprintf("%s %12d  %s  %6d  %s", modeText(e), e.Size, e.ModTime.Local().Format(time.DateTime), e.Version, name)
		if e.Kind == api.Symlink {
			name += " -> " + e.Target.String()
		}
	}
	_, err := io.WriteString(n.out, name+end)
	return err
}

func (n *names) end() error { return nil }

// document writes one JSON document as the entries come.
type document struct {
	out io.Writer
	n   int
}

func (d *document) add(e api.Entry, _ api.Path) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	before := ","
	if d.n == 0 {
		before = `{"entries":[`
	}
	d.n++
	_, err = io.WriteString(d.out, before+string(b))
	return err
}

func (d *document) end() error {
	text := "]}\n"
	if d.n == 0 {
		text = `{"entries":[]}` + "\n"
	}
	_, err := io.WriteString(d.out, text)
	return err
}

// modeText writes kind and mode as ls does.
func modeText(e api.Entry) string {
	b := []byte("-rwxrwxrwx")
	for i := range 9 {
		if e.Mode&(1<<(8-i)) == 0 {
			b[i+1] = '-'
		}
	}
	switch e.Kind {
	case api.Dir:
		b[0] = 'd'
	case api.Symlink:
		b[0] = 'l'
	}
	for _, s := range []struct {
		bit  uint32
		at   int
		with byte
	}{{0o4000, 3, 's'}, {0o2000, 6, 's'}, {0o1000, 9, 't'}} {
		if e.Mode&s.bit == 0 {
			continue
		}
		if b[s.at] == '-' {
			s.with -= 'a' - 'A'
		}
		b[s.at] = s.with
	}
	return string(b)
}
