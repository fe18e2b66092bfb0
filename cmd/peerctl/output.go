package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// say tells the user something that is no result.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// print writes a line of results. A result that cannot be written is a failure:
// scripts live on them.
func (a *app) print(format string, args ...any) error {
	_, err := fmt.Fprintf(a.out, format+"\n", args...)
	return err
}

// document writes a JSON document.
func (a *app) document(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// standardOutput gives the errors of standard output their kind.
type standardOutput struct{ io.Writer }

func (o standardOutput) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	return n, local.Failure("write", "standard output", err)
}

// show writes a result as a document with --json, otherwise as the text does.
func (a *app) show(v any, text func() error) error {
	if a.json {
		return a.document(v)
	}
	return text()
}

// complain says what failed and what to do next, unless the user was told.
func (a *app) complain(err error) {
	if isTold(err) {
		return
	}
	if a.json {
		b, _ := json.Marshal(map[string]*api.Error{"error": api.NewError(err)})
		fmt.Fprintf(a.err, "%s\n", b)
		return
	}
	message := err.Error()
	if errs.KindOf(err) == errs.Interrupted {
		message = "interrupted"
	}
	fmt.Fprintf(a.err, "peerctl: %s\n", message)
	if hint := errs.HintOf(err); hint != "" {
		fmt.Fprintf(a.err, "  %s\n", strings.ReplaceAll(hint, "\n", "\n  "))
	}
}

// count writes a number with its noun.
func count[N int | int64 | uint64](n N, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// size writes a number of bytes for people.
func size[N int | int64 | uint64](n N) string {
	if n < 1024 {
		return count(n, "byte", "bytes")
	}
	value, unit := float64(n), -1
	for value >= 1024 && unit < 5 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTPE"[unit])
}

// outcome says what became of a change.
func outcome(r api.PutResult) string {
	if r.Unchanged {
		return fmt.Sprintf("all there already, in version %d", r.Version)
	}
	var parts []string
	if r.Holders > 0 && !r.Alone {
		parts = append(parts, "stored on "+count(r.Holders, "holder", "holders"))
	}
	if r.State != api.Stored {
		parts = append(parts, fmt.Sprintf("ordered as version %d", r.Version))
	}
	if r.State == api.Archived && !r.Alone {
		parts = append(parts, "archived")
	}
	if r.Alone {
		parts = append(parts, "one copy: no other peer holds it")
	}
	if r.Missing > 0 {
		parts = append(parts, count(r.Missing, "share has", "shares have")+" no holder yet")
	}
	return strings.Join(parts, ", ")
}
