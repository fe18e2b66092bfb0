package api

import (
	"fmt"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

// Levels of consistency that a read may ask for; "" is Session.
const (
	Any     = "any"     // a certified version, from anywhere
	Session = "session" // not older than what this peer has seen or written
	Bounded = "bounded" // "bounded=30s": not older than the newest of 30 s before
	Latest  = "latest"  // linearizable: not older than what was acknowledged to anybody before the question
)

// Consistency is how new a read must be.
type Consistency struct {
	Level string        // Any, Session, Bounded or Latest
	Bound time.Duration // of Bounded: not negative
}

// ParseConsistency reads "any", "session", "bounded=DURATION" or "latest". The
// error is errs.Usage.
func ParseConsistency(text string) (Consistency, error) {
	switch text {
	case "":
		return Consistency{Level: Session}, nil
	case Any, Session, Latest:
		return Consistency{Level: text}, nil
	}
	bound, ok := strings.CutPrefix(text, Bounded+"=")
	if !ok {
		return Consistency{}, errs.Newf("read", "--consistency "+text, errs.Usage, "the levels are any, session, bounded=DURATION and latest")
	}
	d, err := time.ParseDuration(bound)
	if err == nil && d < 0 {
		err = fmt.Errorf("%v is negative", d)
	}
	if err != nil {
		return Consistency{}, errs.New("read", "--consistency "+text, errs.Usage, err)
	}
	return Consistency{Level: Bounded, Bound: d}, nil
}
