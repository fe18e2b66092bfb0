package history

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// FileOp is something that a client did with one file, and what it was told.
// Times are of any clock that all clients share.
type FileOp struct {
	Began, Ended int64
	File         string
	Kind         FileKind
	Text         string // what it wrote, or what it read
	If           uint64 // PutIfVersion: the version
	Result       FileResult
	Version      uint64 // Done: that the write made, or that last changed what was read
}

// FileKind says what a client did.
type FileKind uint8

// The kinds. Reads are those that must see what was acknowledged to anybody.
const (
	Read FileKind = iota + 1
	Put
	PutIfAbsent
	PutIfVersion // refused if the file changed after a version
	AppendText
)

// FileResult says what a client was told.
type FileResult uint8

// The results. What a client was never told may have happened at any time since
// it asked, or never.
const (
	Done    FileResult = iota + 1
	Refused            // a condition did not hold; of a Read: there is no such file
	Unheard
)

// FilesLinearizable reports whether all operations, each at one instant between
// its beginning and its end, give what the clients saw. The error names a file
// for which they do not.
func FilesLinearizable(all []FileOp, patience time.Duration) error {
	files := make(map[string][]porcupine.Operation)
	for i, op := range all {
		if op.Result == Unheard {
			if op.Kind == Read {
				continue
			}
			op.Ended = math.MaxInt64
		}
		files[op.File] = append(files[op.File], porcupine.Operation{ClientId: i, Call: op.Began, Input: op, Return: op.Ended})
	}
	for name, ops := range files {
		switch porcupine.CheckOperationsTimeout(file, ops, patience) {
		case porcupine.Ok:
		case porcupine.Illegal:
			return fmt.Errorf("%s: no order of these %d operations explains what the clients saw", name, len(ops))
		default:
			return fmt.Errorf("%s: %d operations could not be judged within %v", name, len(ops), patience)
		}
	}
	return nil
}

// fileState is what a file is. The zero value is one that is not there.
type fileState struct {
	there   bool
	text    string
	version uint64 // that changed it last; 0: whoever made it was not told
}

var file = func() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{fileState{}} },
		Step: func(state, input, _ any) []any {
			var next []any
			for _, s := range input.(FileOp).step(state.(fileState)) {
				next = append(next, s)
			}
			return next
		},
	}
	return m.ToModel()
}()

// step returns what a file may be after the operation; nothing if the client
// cannot have been told what it was. One version may hold several changes.
func (op FileOp) step(s fileState) []fileState {
	if op.Kind == Read {
		return op.read(s)
	}
	after := fileState{there: true, text: op.Text, version: op.Version}
	if op.Kind == AppendText {
		after.text = s.text + op.Text
	}
	var may []fileState
	holds, known := op.holds(s)
	if op.Result != Refused && (holds || !known) && (op.Result == Unheard || op.Version >= s.version) {
		may = append(may, after)
	}
	if op.Result != Done && (!holds || !known) {
		may = append(may, s)
	}
	return may
}

func (op FileOp) read(s fileState) []fileState {
	switch {
	case op.Result == Refused && !s.there:
		return []fileState{s}
	case op.Result == Done && s.there && s.text == op.Text && (s.version == 0 || s.version == op.Version):
		s.version = op.Version
		return []fileState{s}
	}
	return nil
}

// holds judges the condition of a write. It is not known where the version is
// not.
func (op FileOp) holds(s fileState) (holds, known bool) {
	switch op.Kind {
	case PutIfAbsent:
		return !s.there, true
	case PutIfVersion:
		return s.version <= op.If, !s.there || s.version > 0
	}
	return true, true
}
