package ringnet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// AskProtocol carries questions to members and their answers, one after another
// on one stream.
const AskProtocol = "/atoll/ring-ask/1"

// Limits of questions and answers.
const (
	// QuestionBytesMax is the most bytes of a question: an update, or a head
	// record, with its kind.
	QuestionBytesMax = wire.UpdateBytesMax + 4<<10
	// AnswerBytesMax is the most bytes of an answer.
	AnswerBytesMax = 1 << 20

	failureTextMax = 512
)

// ErrAnswer is returned for an answer that is malformed or proves nothing.
var ErrAnswer = errors.New("bad answer")

// Kind says what is asked.
type Kind uint64

// question is a frame from the one who asks.
type question struct {
	_    struct{} `cbor:",toarray"`
	Kind Kind
	Body []byte
}

// answer is a frame in return: a failure, or a body. Of a question that has many
// answers, More says that another follows.
type answer struct {
	_       struct{} `cbor:",toarray"`
	Failure *failure
	More    bool
	Body    []byte
}

// failure is why a question was not answered.
type failure struct {
	_    struct{} `cbor:",toarray"`
	Kind uint64   // errs.Kind
	Text string   // for people, at most failureTextMax bytes
	Hint string   // the same: what to do
}

func newFailure(err error) *failure {
	return &failure{Kind: uint64(errs.KindOf(err)), Text: cut(err.Error()), Hint: cut(errs.HintOf(err))}
}

// cut makes a text fit, and leaves out what a terminal might take for more than
// text.
func cut(text string) string {
	if len(text) > failureTextMax {
		text = text[:failureTextMax]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// credible are the kinds of failures that a peer may have. That this peer's
// daemon does not run, or that its user gave up, is not for others to say.
var credible = []errs.Kind{
	errs.Usage, errs.NotFound, errs.Refused, errs.Conflict, errs.NoQuorum,
	errs.TooFew, errs.Full, errs.Timeout, errs.Damaged,
}

// err returns the failure as an error of the kind that the peer gave.
func (f *failure) err(from wire.PeerID) error {
	if len(f.Text) > failureTextMax || len(f.Hint) > failureTextMax {
		return fmt.Errorf("%w: a failure of %d bytes", ErrAnswer, len(f.Text)+len(f.Hint))
	}
	kind := errs.Kind(min(f.Kind, 255))
	if !slices.Contains(credible, kind) {
		kind = errs.Other
	}
	err := errs.New("ask peer", from.String(), kind, errors.New(cut(f.Text)))
	if f.Hint != "" {
		err = errs.Hint(err, "%s", cut(f.Hint))
	}
	return err
}
