package envelope

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// EncodePath returns a path as it stands in a REF, a listing and JSON: `@`,
// `%`, control characters and bytes that are not UTF-8 as %XX, all else as it
// is. DecodePath returns the same path.
func EncodePath(path string) string {
	var b strings.Builder
	for len(path) > 0 {
		r, size := utf8.DecodeRuneInString(path)
		if isEscaped(r, size) {
			for _, c := range []byte(path[:size]) {
				b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
			}
		} else {
			b.WriteString(path[:size])
		}
		path = path[size:]
	}
	return b.String()
}

// isEscaped reports whether a character of so many bytes is percent-encoded.
func isEscaped(r rune, size int) bool {
	return r == '@' || r == '%' || r == utf8.RuneError && size == 1 || unicode.IsControl(r)
}

// DecodePath undoes EncodePath. It also takes escapes that EncodePath would
// not write, in either case, and bytes that it would have escaped. The error
// matches ErrPath: a `%` without two hexadecimal digits, or a zero byte.
func DecodePath(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if i+2 >= len(text) || unhex(text[i+1]) < 0 || unhex(text[i+2]) < 0 {
				return "", fmt.Errorf("%w: %q is no escape; a percent sign itself is written %%25", ErrPath, text[i:min(i+3, len(text))])
			}
			c = byte(unhex(text[i+1])<<4 | unhex(text[i+2]))
			i += 2
		}
		if c == 0 {
			return "", fmt.Errorf("%w: it holds a zero byte", ErrPath)
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// CleanPath returns the names of a decoded path joined by single slashes,
// without one in front or behind; "" is the root. into says that the path ended
// in a slash, so it means a directory. Empty parts and "." lead nowhere and are
// dropped; ".." is refused, since what it means depends on links, and so is a
// part that cannot be a name. The error matches ErrPath.
func CleanPath(path string) (clean string, into bool, err error) {
	names := make([]string, 0, strings.Count(path, "/")+1)
	for part := range strings.SplitSeq(path, "/") {
		into = part == "" || part == "."
		if into {
			continue
		}
		if err := CheckName(part); err != nil {
			return "", false, fmt.Errorf("%w: %w", ErrPath, err)
		}
		names = append(names, part)
	}
	return strings.Join(names, "/"), into && path != "", nil
}

// clip bounds what an error repeats of its input.
func clip(s string, max int) string {
	if len(s) > max {
		return s[:max] + "…"
	}
	return s
}
