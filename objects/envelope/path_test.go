package envelope

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPathEncoding(t *testing.T) {
	for _, c := range []struct{ path, text string }{
		{"", ""},
		{"a/b c.txt", "a/b c.txt"},
		{"naïve/名前", "naïve/名前"},
		{"me@home", "me%40home"},
		{"100%", "100%25"},
		{"%41", "%2541"},
		{"a\nb\x7f", "a%0Ab%7F"},
		{"\u0085", "%C2%85"}, // a control character beyond ASCII
		{"\xff\xc3", "%FF%C3"},
		{"\xed\xa0\x80", "%ED%A0%80"}, // a surrogate is not UTF-8
		{"�", "�"},                    // the replacement character itself is
	} {
		if got := EncodePath(c.path); got != c.text {
			t.Errorf("EncodePath(%q) = %q, want %q", c.path, got, c.text)
		}
		if got, err := DecodePath(c.text); err != nil || got != c.path {
			t.Errorf("DecodePath(%q) = %q, %v, want %q", c.text, got, err, c.path)
		}
	}
}

func TestDecodePathIsLenient(t *testing.T) {
	for text, want := range map[string]string{
		"%61%2fb": "a/b", "%4a%4A": "JJ", "me@home": "me@home", "a\nb": "a\nb", "\xff": "\xff", "%ff": "\xff",
	} {
		if got, err := DecodePath(text); err != nil || got != want {
			t.Errorf("DecodePath(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"%", "a%", "%4", "%zz", "%4g", "%%", "%00", "a\x00", "% 1"} {
		if got, err := DecodePath(text); !errors.Is(err, ErrPath) {
			t.Errorf("DecodePath(%q) = %q, %v, want ErrPath", text, got, err)
		}
	}
}

func TestCleanPath(t *testing.T) {
	for _, c := range []struct {
		path, clean string
		into        bool
	}{
		{"", "", false}, {"/", "", true}, {"//", "", true}, {".", "", true},
		{"a", "a", false}, {"/a", "a", false}, {"/a/", "a", true}, {"//a//b", "a/b", false},
		{"/a/./b", "a/b", false}, {"/a/.", "a", true}, {"/...", "...", false}, {"/ ", " ", false},
		{"/" + strings.Repeat("x", 255), strings.Repeat("x", 255), false},
	} {
		clean, into, err := CleanPath(c.path)
		if err != nil || clean != c.clean || into != c.into {
			t.Errorf("CleanPath(%q) = %q, %v, %v, want %q, %v", c.path, clean, into, err, c.clean, c.into)
		}
	}
	for _, path := range []string{"..", "/..", "/a/../b", "/a/..", "/a\x00b", "/" + strings.Repeat("x", 256)} {
		if clean, _, err := CleanPath(path); !errors.Is(err, ErrPath) {
			t.Errorf("CleanPath(%q) = %q, %v, want ErrPath", path, clean, err)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"", "a@b", "%41", "\xff%", "名\u0085", "/a/../b", "%C3%A9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkEncoding(t, strings.ReplaceAll(s, "\x00", ""))
		path, err := DecodePath(s)
		if err != nil {
			return
		}
		checkEncoding(t, path)
		clean, _, err := CleanPath(path)
		if err != nil {
			return
		}
		if again, into, err := CleanPath(clean); err != nil || into || again != clean {
			t.Fatalf("%q is cleaned to %q and then %q, %v", path, clean, again, err)
		}
		for _, part := range strings.Split(clean, "/") {
			if clean != "" && CheckName(part) != nil {
				t.Fatalf("%q is cleaned to %q with the part %q", path, clean, part)
			}
		}
	})
}

// checkEncoding checks that a path without zero bytes survives, in text that is
// fit to print.
func checkEncoding(t *testing.T, path string) {
	t.Helper()
	text := EncodePath(path)
	if got, err := DecodePath(text); err != nil || got != path {
		t.Fatalf("%q becomes %q and then %q, %v", path, text, got, err)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r == '@' || unicode.IsControl(r) }) || !utf8.ValidString(text) {
		t.Fatalf("%q becomes %q", path, text)
	}
}
