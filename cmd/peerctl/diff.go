package main

import (
	"bytes"
	"context"
	"io"
	"regexp"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
)

// version is what an argument must look like to be taken for a version alone.
var version = regexp.MustCompile(`^@(-?[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?)$`)

// versionOf returns the reference that the arguments mean: REF@VERSION, or
// @VERSION REF, or @VERSION alone.
func (a *app) versionOf(args []string) (string, error) {
	if !version.MatchString(args[0]) {
		if len(args) > 1 {
			return "", usage("%q is no @VERSION", args[0])
		}
		return a.ref(args[0])
	}
	ref := "home:/"
	if len(args) > 1 {
		var err error
		if ref, err = a.ref(args[1]); err != nil {
			return "", err
		}
	}
	return ref + args[0], nil
}

func (a *app) diffVerb() *cobra.Command {
	content := false
	c := &cobra.Command{
		Use:   "diff REF[@VERSION] [REF][@VERSION]",
		Short: "Show what differs between two versions",
		Long: `Show what differs between two versions of an entry and of all below it: A added,
D removed, M other content, R moved, T another mode or time. The second may be a
version alone (home:/docs@3 @5), or be left out, which means the newest; if the
first is a version alone, home: is meant. What did not change costs nothing.

--content shows the lines that differ too.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error { return a.diff(c.Context(), args, content) },
	}
	c.Flags().BoolVar(&content, "content", false, "show how files differ")
	return c
}

func (a *app) diff(ctx context.Context, args []string, content bool) error {
	r, err := a.compared(args)
	if err != nil {
		return err
	}
	ctx = a.listening(ctx)
	d, err := a.peerd.Diff(ctx, r)
	if err != nil {
		return err
	}
	if a.json {
		return a.document(d)
	}
	for _, c := range d.Changes {
		if err := a.print("%s", changeLine(c)); err != nil {
			return err
		}
		if content && c.Content {
			if err := a.lines(ctx, r, d, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// compared tells which two references the arguments mean.
func (a *app) compared(args []string) (r api.DiffRequest, err error) {
	r.Consistency = a.consistency
	if r.Old, err = a.versionOf(args[:1]); err != nil {
		return r, err
	}
	base, _ := cutVersion(r.Old)
	switch {
	case len(args) == 1:
		r.New = base
	case version.MatchString(args[1]):
		r.New = base + args[1]
	default:
		r.New, err = a.ref(args[1])
	}
	return r, err
}

// cutVersion splits a reference before its version. In a path an @ stands as
// %40.
func cutVersion(ref string) (base, version string) {
	for i := len(ref) - 1; i >= 0; i-- {
		if ref[i] == '@' {
			return ref[:i], ref[i:]
		}
	}
	return ref, ""
}

func changeLine(c api.Difference) string {
	letter := map[api.ChangeKind]string{
		api.Added: "A", api.Removed: "D", api.Modified: "M", api.Moved: "R", api.Touched: "T",
	}[c.Change]
	if c.Change == api.Moved {
		return letter + "  " + c.From.String() + " -> " + c.Path.String()
	}
	return letter + "  " + c.Path.String()
}

// comparedBytesMax is how large a file may be for its lines to be compared.
const comparedBytesMax = 4 << 20

// lines shows how the content of a file differs.
func (a *app) lines(ctx context.Context, r api.DiffRequest, d api.Diff, c api.Difference) error {
	if c.Old == nil || c.New == nil || c.Old.Kind != api.File || c.New.Kind != api.File {
		return nil
	}
	old, err := a.textOf(ctx, r.Old, d.OldVersion, *c.Old)
	if err != nil {
		return err
	}
	new, err := a.textOf(ctx, r.New, d.NewVersion, *c.New)
	if err != nil {
		return err
	}
	if old == nil || new == nil {
		return a.print("   %s and %s: not compared as text", size(c.Old.Size), size(c.New.Size))
	}
	_, err = a.out.Write(diff.Diff(c.Old.Path.String(), old, c.New.Path.String(), new))
	return err
}

// textOf returns the content of a file, or nil if it is no text, or too much.
func (a *app) textOf(ctx context.Context, ref string, version uint64, e api.Entry) ([]byte, error) {
	if e.Size > comparedBytesMax {
		return nil, nil
	}
	_, content, err := a.peerd.Open(ctx, api.ReadRequest{Ref: inVolume(ref, e.Path, version), Consistency: a.consistency})
	if err != nil {
		return nil, err
	}
	defer content.Close()
	b, err := io.ReadAll(content)
	if err != nil || bytes.IndexByte(b, 0) >= 0 {
		return nil, err
	}
	return append([]byte{}, b...), nil
}
