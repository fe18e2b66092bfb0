package api

import (
	"errors"

	"github.com/atollnet/atoll/internal/errs"
)

// Error is an error as it crosses the API, and as peerctl prints it with
// --json: {"error": {…}}.
type Error struct {
	Kind    string `json:"kind"` // errs.Kind's name
	Message string `json:"message"`
	Code    int    `json:"code"` // the exit code of the kind
	Hint    string `json:"hint,omitempty"`
}

// NewError returns the form of err that crosses the API.
func NewError(err error) *Error {
	kind := errs.KindOf(err)
	return &Error{Kind: kind.String(), Message: err.Error(), Code: kind.ExitCode(), Hint: errs.HintOf(err)}
}

// Err returns the error that e was made of, as far as it crossed: text, kind
// and hint.
func (e *Error) Err() error {
	return &errs.Error{Kind: errs.ParseKind(e.Kind), Err: errors.New(e.Message), Hint: e.Hint}
}
