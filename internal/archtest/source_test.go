package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	// fileLinesMax bounds a file: a longer one holds two ideas.
	fileLinesMax = 600
	// functionLines is what nine functions in ten stay under.
	functionLines = 45
)

// source is one parsed file of the module.
type source struct {
	name string // below the module
	pkg  string // its package, below the module
	text []byte
	set  *token.FileSet
	tree *ast.File
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func (s source) imports(path string) bool {
	return slices.ContainsFunc(s.tree.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(path) })
}

func (s source) lines(n ast.Node) int {
	return s.set.Position(n.End()).Line - s.set.Position(n.Pos()).Line + 1
}

// parsed holds every Go file of the module.
var parsed = sync.OnceValues(func() (all []source, err error) {
	listed, err := list()
	if err != nil {
		return nil, err
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, err
	}
	for _, p := range listed {
		for _, file := range slices.Concat(p.GoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
			s, err := parse(root, p, file)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
})

func parse(root string, p pkg, file string) (s source, err error) {
	s = source{pkg: p.short(), set: token.NewFileSet()}
	path := filepath.Join(p.Dir, file)
	if s.name, err = filepath.Rel(root, path); err != nil {
		return s, err
	}
	if s.text, err = os.ReadFile(path); err != nil {
		return s, err
	}
	s.tree, err = parser.ParseFile(s.set, path, s.text, parser.SkipObjectResolution)
	return s, err
}

func sources(t *testing.T) []source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFilesHoldOneIdea(t *testing.T) {
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > fileLinesMax && !s.isTest() {
			t.Errorf("%s has %d lines, at most %d are allowed", s.name, n, fileLinesMax)
		}
	}
}

func TestFunctionsAreShort(t *testing.T) {
	var total, long int
	for _, s := range sources(t) {
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && !s.isTest() {
				if total++; s.lines(f) >= functionLines {
					long++
				}
			}
		}
	}
	if long*10 > total {
		t.Errorf("%d of %d functions have %d lines and more; nine in ten are to be shorter", long, total, functionLines)
	}
}

var marks = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)

func TestNothingIsMarkedUnfinished(t *testing.T) {
	for _, s := range sources(t) {
		if s.pkg == "internal/archtest" {
			continue
		}
		if mark := marks.Find(s.text); mark != nil {
			t.Errorf("%s holds the mark %s: finish it, or open an issue", s.name, mark)
		}
	}
}

func TestQuietPackagesStartNoGoroutine(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || !slices.Contains(quiet, s.pkg) {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%v starts a goroutine", s.set.Position(g.Pos()))
			}
			return true
		})
	}
}

// A test that sleeps is slow on a fast machine and fails on a slow one, but in
// a bubble of synctest, whose clock is its own; a test that skips is not there
// on somebody's machine.
func TestTestsNeitherSleepNorSkip(t *testing.T) {
	for _, s := range sources(t) {
		if !s.isTest() {
			continue
		}
		virtual := s.imports("testing/synctest")
		ast.Inspect(s.tree, func(n ast.Node) bool {
			f, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch receiver, _ := f.X.(*ast.Ident); {
			case receiver == nil:
			case receiver.Name == "time" && f.Sel.Name == "Sleep" && !virtual:
				t.Errorf("%v sleeps", s.set.Position(f.Pos()))
			case slices.Contains([]string{"Skip", "Skipf", "SkipNow", "Short"}, f.Sel.Name) && isTesting(receiver.Name) && skipped[s.name] == "":
				t.Errorf("%v may not run", s.set.Position(f.Pos()))
			}
			return true
		})
	}
}

// isTesting reports whether a name is what tests call the testing package and
// its values.
func isTesting(name string) bool {
	return slices.Contains([]string{"t", "b", "f", "tb", "testing"}, name)
}
