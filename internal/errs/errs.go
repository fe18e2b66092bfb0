// Package errs gives every failure an operation, a subject, a cause and a
// kind. The kind crosses the local API and becomes an exit code, so scripts
// can tell a conflict from a missing quorum; the hint tells a person what to
// do next.
//
// It imports no other package of Atoll and must never log or exit.
package errs

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind classes failures by what a caller can do about them. The numbers cross
// the local API: kinds are only ever appended.
type Kind uint8

// The kinds, each with its exit code.
const (
	Other       Kind = iota // 1: failed
	Usage                   // 2: the command was not understood
	Partial                 // 3: partly done
	NotFound                // 4: no such thing
	Refused                 // 5: no right, or a wrong key
	Conflict                // 6: a predicate failed
	NoQuorum                // 7: the ring lacks a quorum
	TooFew                  // 8: too few shares, holders or confirmations
	Full                    // 9: quota or disk full
	Timeout                 // 10: time ran out
	NoDaemon                // 11: the daemon is not running
	Damaged                 // 12: damaged beyond repair
	Interrupted             // 130: stopped by the user
	kinds                   // the number of kinds
)

var (
	kindNames = [kinds]string{"failed", "usage", "partial", "not-found", "refused", "conflict",
		"no-quorum", "too-few", "full", "timeout", "no-daemon", "damaged", "interrupted"}
	exitCodes = [kinds]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 130}
)

// String returns the kind's name in JSON errors.
func (k Kind) String() string {
	if k >= kinds {
		return kindNames[Other]
	}
	return kindNames[k]
}

// ExitCode returns the process exit code of the kind.
func (k Kind) ExitCode() int {
	if k >= kinds {
		return exitCodes[Other]
	}
	return exitCodes[k]
}

// ParseKind returns the kind of that name, or Other.
func ParseKind(name string) Kind {
	for k, n := range kindNames {
		if n == name {
			return Kind(k)
		}
	}
	return Other
}

// Error is a failure of an operation on a subject.
type Error struct {
	Op      string // what was tried: "put", "read share"
	Subject string // to what: a path, an identifier; may be empty
	Kind    Kind   // Other takes the kind of the cause
	Err     error  // the cause
	Hint    string // what a person can do next; may be empty
}

// Error returns `operation: subject: cause`. The hint is not part of it.
func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	for _, p := range []string{e.Op, e.Subject} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	} else {
		parts = append(parts, e.Kind.String())
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of the given kind. A nil cause stands for the kind's
// own name.
func New(op, subject string, kind Kind, cause error) error {
	return &Error{Op: op, Subject: subject, Kind: kind, Err: cause}
}

// Newf is New with a formatted cause.
func Newf(op, subject string, kind Kind, format string, args ...any) error {
	return New(op, subject, kind, fmt.Errorf(format, args...))
}

// Wrap adds an operation and a subject, unless the cause names them itself, and
// keeps the cause's kind and hint. It returns nil for a nil cause.
func Wrap(op, subject string, cause error) error {
	if cause == nil || says(cause, op, subject) {
		return cause
	}
	return New(op, subject, Other, cause)
}

// says reports whether an error, or the one that its hint is for, begins with
// this operation and subject already.
func says(err error, op, subject string) bool {
	if h, ok := err.(*hinted); ok {
		err = h.error
	}
	e, ok := err.(*Error)
	return ok && e.Op == op && e.Subject == subject
}

// Hint attaches what a person can do next. It returns nil for a nil error.
func Hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// KindOf returns the kind of the outermost error in the chain that has one;
// context errors count as Timeout and Interrupted.
func KindOf(err error) Kind {
	for e := err; e != nil; {
		var known *Error
		if !errors.As(e, &known) {
			break
		}
		if known.Kind != Other {
			return known.Kind
		}
		e = known.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Interrupted
	}
	return Other
}

// HintOf returns the outermost hint in the chain, or "". Of joined errors the
// first that has one counts.
func HintOf(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch e := e.(type) {
		case *hinted:
			return e.hint
		case *Error:
			if e.Hint != "" {
				return e.Hint
			}
		case interface{ Unwrap() []error }:
			return hintOfFirst(e.Unwrap())
		}
	}
	return ""
}

func hintOfFirst(joined []error) string {
	for _, err := range joined {
		if hint := HintOf(err); hint != "" {
			return hint
		}
	}
	return ""
}
