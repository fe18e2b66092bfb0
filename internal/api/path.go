package api

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Path is a path or a name as a file system has it: any bytes but zero,
// components separated by "/". Its text form, in references, listings and
// JSON, is valid UTF-8 in one line: "@", "%", control characters and bytes
// that are no UTF-8 are written as %XX (two upper-case hex digits). One path
// has one such form; any %XX is understood when parsed.
type Path string

// ErrPath is returned for a text that is not the text form of a path.
var ErrPath = errors.New("bad percent-encoding in a path")

const hexDigits = "0123456789ABCDEF"

// String returns the text form.
func (p Path) String() string {
	return escape(string(p), func(r rune) bool { return r == '@' || r == '%' })
}

// EscapeBytes writes control characters and bytes that are no UTF-8 as %XX and
// leaves everything else alone, "%" and "@" too: a reference as a shell hands it
// over becomes text, and keeps its meaning.
func EscapeBytes(ref string) string {
	return escape(ref, func(rune) bool { return false })
}

func escape(s string, also func(rune) bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !unsafeRune(r, size) && !also(r) {
			b.WriteString(s[i : i+size])
		} else {
			for _, c := range []byte(s[i : i+size]) {
				b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
			}
		}
		i += size
	}
	return b.String()
}

// unsafeRune reports what could break a line, a terminal or JSON. Besides the
// control characters these are the two line separators of Unicode and the
// marks that change the direction of what follows.
func unsafeRune(r rune, size int) bool {
	switch {
	case r == utf8.RuneError && size == 1:
		return true
	case r == '\u2028', r == '\u2029', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return true
	}
	return unicode.IsControl(r)
}

// ParsePath returns the path with the given text form.
func ParsePath(text string) (Path, error) {
	if !strings.Contains(text, "%") {
		return Path(text), nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]) {
			return "", fmt.Errorf("%w: %.80q", ErrPath, text)
		}
		b.WriteByte(unhex(text[i+1])<<4 | unhex(text[i+2]))
		i += 2
	}
	return Path(b.String()), nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// MarshalText returns the text form.
func (p Path) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText parses a text form.
func (p *Path) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePath(string(text))
	return err
}

// Base returns the last component, "" for a root.
func (p Path) Base() string {
	s := strings.TrimRight(string(p), "/")
	return s[strings.LastIndexByte(s, '/')+1:]
}

// Components returns the names along the path; none for a root.
func (p Path) Components() []string {
	return strings.FieldsFunc(string(p), func(r rune) bool { return r == '/' })
}

// Below returns p relative to root: "" for root itself.
func (p Path) Below(root Path) Path {
	rest := strings.TrimPrefix(string(p), strings.TrimRight(string(root), "/"))
	return Path(strings.Trim(rest, "/"))
}
