package envelope

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

// Selector says which version of an object is meant. At most one field is set;
// the zero value is the newest version.
type Selector struct {
	Version wire.Version // `@7`: this version
	Back    uint64       // `@-1`: so many content versions before the newest
	Time    time.Time    // `@2026-11-01T12:00Z`: the newest one then, UTC
}

// IsNewest reports whether the newest version is meant.
func (s Selector) IsNewest() bool { return s == Selector{} }

// String returns the text form with its `@`; "" for the newest version.
func (s Selector) String() string {
	switch {
	case s.Version != 0:
		return "@" + strconv.FormatUint(uint64(s.Version), 10)
	case s.Back != 0:
		return "@-" + strconv.FormatUint(s.Back, 10)
	case !s.Time.IsZero():
		return "@" + formatTime(s.Time)
	}
	return ""
}

// errNoVersion does not repeat the text: with a typing error that is an `@`,
// part of a key stands behind it.
var errNoVersion = errors.New("what follows the last @ is no version")

const minuteLayout = "2006-01-02T15:04Z07:00"

// timeLayouts are what a version's time may look like. A time without a zone
// is refused, as it would mean something else for whoever gets the reference;
// a day alone begins at midnight UTC.
var timeLayouts = []string{time.RFC3339Nano, minuteLayout, time.DateOnly}

func formatTime(t time.Time) string {
	if t.Second() == 0 && t.Nanosecond() == 0 {
		return t.Format(minuteLayout)
	}
	return t.Format(time.RFC3339Nano)
}

// parseSelector parses the text form without its `@`.
func parseSelector(text string) (Selector, error) {
	if digits, found := strings.CutPrefix(text, "-"); found {
		if n, err := strconv.ParseUint(digits, 10, 63); err == nil && n > 0 {
			return Selector{Back: n}, nil
		}
	}
	if n, err := strconv.ParseUint(text, 10, 63); err == nil && n > 0 {
		return Selector{Version: wire.Version(n)}, nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil && isPlausible(t.UTC()) {
			return Selector{Time: t.UTC()}, nil
		}
	}
	return Selector{}, errNoVersion
}

// isPlausible keeps times to those whose text form is four-digit years.
func isPlausible(t time.Time) bool { return t.Year() >= 1970 && t.Year() <= 9999 }
