package local

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// IgnoreFile is the file in any directory of a tree that says what is left out
// in it and below it.
const IgnoreFile = ".atollignore"

// ignoreBytesMax bounds an IgnoreFile: its patterns are tried on every name.
const ignoreBytesMax = 1 << 20

// rule is a line of an IgnoreFile, which reads as one of a .gitignore does: `!`
// takes back, a final slash means directories, a slash elsewhere ties the pattern
// to the directory of the file, `**` spans directories, `#` begins a comment.
type rule struct {
	pattern string // of the whole path below the file's directory
	keep    bool
	dirs    bool
}

// parsePattern returns the rule that a line means; ok is false if it means none.
func parsePattern(line string) (r rule, ok bool, err error) {
	if !strings.HasSuffix(line, `\ `) {
		line = strings.TrimRight(line, " \t\r")
	}
	if line == "" || line[0] == '#' {
		return r, false, nil
	}
	if line[0] == '!' {
		r.keep, line = true, line[1:]
	}
	line, r.dirs = strings.CutSuffix(line, "/")
	tied := strings.Contains(line, "/")
	if line = strings.TrimPrefix(line, "/"); !tied {
		line = "**/" + line
	}
	line = braces.Replace(line)
	if inside, found := strings.CutSuffix(line, "/**"); found {
		line = inside + "/**/*" // not the directory itself
	}
	if line == "" || !doublestar.ValidatePattern(line) {
		return r, false, fmt.Errorf("%q is no pattern", line)
	}
	r.pattern = line
	return r, true, nil
}

// braces mean nothing here, unlike in the library.
var braces = strings.NewReplacer("{", `\{`, "}", `\}`)

// rules are those of one directory; later ones come before earlier ones.
type rules struct {
	dir   string // of the tree, "" for its root
	rules []rule
}

// judge tells whether the rules say something of a path, and what.
func (r rules) judge(at string, isDir bool) (ignore, said bool) {
	rest := strings.TrimPrefix(strings.TrimPrefix(at, r.dir), "/")
	for i := len(r.rules) - 1; i >= 0; i-- {
		rule := r.rules[i]
		if rule.dirs && !isDir {
			continue
		}
		// An invalid pattern was refused when it was read.
		if matches, _ := doublestar.Match(rule.pattern, rest); matches {
			return !rule.keep, true
		}
	}
	return false, false
}

// ignores is what a tree leaves out.
type ignores struct {
	given rules // of the command line, which come before those of files
	files []rules
}

func newIgnores(patterns []string) (*ignores, error) {
	ig := new(ignores)
	for _, p := range patterns {
		r, ok, err := parsePattern(p)
		if err != nil {
			return nil, err
		}
		if ok {
			ig.given.rules = append(ig.given.rules, r)
		}
	}
	return ig, nil
}

// enter reads the IgnoreFile of a directory and forgets those of directories
// that have been left.
func (ig *ignores) enter(root, dir string) error {
	for n := len(ig.files); n > 0 && !isBelow(dir, ig.files[n-1].dir); n-- {
		ig.files = ig.files[:n-1]
	}
	f, err := os.Open(filepath.Join(root, dir, IgnoreFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	read, err := readRules(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path.Join(dir, IgnoreFile), err)
	}
	ig.files = append(ig.files, rules{dir, read})
	return nil
}

func readRules(f io.Reader) (list []rule, err error) {
	limited := &io.LimitedReader{R: f, N: ignoreBytesMax + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, ignoreBytesMax)
	for lines.Scan() {
		r, ok, err := parsePattern(lines.Text())
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, r)
		}
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("more than %d bytes", ignoreBytesMax)
	}
	return list, lines.Err()
}

func isBelow(p, dir string) bool {
	return dir == "" || p == dir || strings.HasPrefix(p, dir+"/")
}

// ignored reports whether a path is left out. What is below a directory that is
// left out is never asked for.
func (ig *ignores) ignored(at string, isDir bool) bool {
	if ignore, said := ig.given.judge(at, isDir); said {
		return ignore
	}
	for i := len(ig.files) - 1; i >= 0; i-- {
		if !isBelow(at, ig.files[i].dir) {
			continue
		}
		if ignore, said := ig.files[i].judge(at, isDir); said {
			return ignore
		}
	}
	return false
}
