package ringnet

import (
	"errors"
	"fmt"

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
	Hint string
}

func newFailure(err error) *failure {
	return &failure{Kind: uint64(errs.KindOf(err)), Text: cut(err.Error()), Hint: cut(errs.HintOf(err))}
}

func cut(text string) string {
	if len(text) > failureTextMax {
		text = text[:failureTextMax]
	}
	return string([]rune(text)) // whole characters alone
}

// err returns the failure as an error of the kind that the peer gave.
func (f *failure) err() error {
	if len(f.Text) > failureTextMax+3 || len(f.Hint) > failureTextMax+3 {
		return fmt.Errorf("%w: a failure of %d bytes", ErrAnswer, len(f.Text)+len(f.Hint))
	}
	err := errs.New("", "", errs.Kind(min(f.Kind, 255)), errors.New(f.Text))
	if f.Hint != "" {
		err = errs.Hint(err, "%s", f.Hint)
	}
	return err
}
