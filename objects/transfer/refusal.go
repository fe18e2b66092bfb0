package transfer

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// RefusalKind classes refusals by what the one refused can do about it. The
// numbers cross the wire: kinds are only ever appended.
type RefusalKind uint8

// The kinds of refusals.
const (
	RefusedFailed     RefusalKind = iota + 1 // the holder's own trouble: try another
	RefusedFull                              // no space, or none left for this author
	RefusedBusy                              // a limit on what goes on at once: try later
	RefusedNotAllowed                        // not signed by the author, or not for this holder
	RefusedMalformed                         // the message, or the share it brought, breaks a rule
	RefusedNotFound                          // the holder does not have it
	RefusedDamaged                           // the holder had it; its disk did not keep it
	RefusedDenied                            // the holder's operator does not want it there: try another
)

var refusalNames = [...]string{"", "failed", "full", "busy", "not allowed", "malformed", "not found", "damaged", "denied"}

// String returns the kind's name.
func (k RefusalKind) String() string {
	if k == 0 || int(k) >= len(refusalNames) {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return refusalNames[k]
}

// Refusal is a peer's answer that it will not do what it was asked. It is an
// error on both sides.
type Refusal struct {
	_    struct{} `cbor:",toarray"`
	Kind RefusalKind
	Text string // for a person; at most RefusalTextBytesMax bytes
}

// Error returns the kind and the text, which is the other peer's and therefore
// shown without control characters.
func (r *Refusal) Error() string {
	text := strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, r.Text)
	return fmt.Sprintf("refused (%v): %s", r.Kind, text)
}

// refuse returns a refusal with a text that fits.
func refuse(kind RefusalKind, format string, args ...any) *Refusal {
	text := strings.ToValidUTF8(fmt.Sprintf(format, args...), "?")
	for len(text) > RefusalTextBytesMax {
		text = strings.ToValidUTF8(text[:RefusalTextBytesMax], "")
	}
	return &Refusal{Kind: kind, Text: text}
}

// check holds the rules that the encoding alone does not.
func (r *Refusal) check() error {
	if r.Kind == 0 || len(r.Text) > RefusalTextBytesMax {
		return fmt.Errorf("%w: refusal of kind %d with %d bytes of text", ErrProtocol, r.Kind, len(r.Text))
	}
	return nil
}

// Denies reports whether an error is a holder's own word that it does not have a
// share, or an answer that proves that it does not. Any other error says nothing
// about the share.
func Denies(err error) bool {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Kind == RefusedNotFound || r.Kind == RefusedDamaged || r.Kind == RefusedDenied
	}
	return errors.Is(err, ErrLied)
}
