package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// pkg is what `go list` says of a package.
type pkg struct {
	Dir            string
	ImportPath     string
	Name           string
	Doc            string
	Imports        []string
	Deps           []string
	GoFiles        []string
	IgnoredGoFiles []string
	TestGoFiles    []string
	XTestGoFiles   []string
}

// list returns the packages of the module.
var list = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-e",
		"-json=Dir,ImportPath,Name,Doc,Imports,Deps,GoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		switch err := d.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, p)
	}
})

func packages(t *testing.T) []pkg {
	t.Helper()
	all, err := list()
	if err != nil || len(all) == 0 {
		t.Fatalf("go list: %d packages, %v", len(all), err)
	}
	return all
}

// short is a package's path below the module.
func (p pkg) short() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

func TestImportRules(t *testing.T) {
	for _, p := range packages(t) {
		for _, r := range rules {
			for _, problem := range r.broken(p) {
				t.Error(problem)
			}
		}
	}
}

// broken tells where p breaks the rule; it does not if the rule is about other
// packages.
func (r rule) broken(p pkg) (problems []string) {
	if !matchesAny(r.packages, p.ImportPath) {
		return nil
	}
	for _, path := range p.Deps {
		foreign := r.ours != nil && isOurs(path) && !matchesAny(r.ours, path) && !matchesAny(r.packages, path)
		if foreign || matchesAny(r.never, path) {
			problems = append(problems, fmt.Sprintf("%s reaches %s: %s", p.short(), path, r.why))
		}
	}
	for _, path := range p.Imports {
		if matchesAny(r.notDirectly, path) {
			problems = append(problems, fmt.Sprintf("%s imports %s: %s", p.short(), path, r.why))
		}
	}
	return problems
}

// A rule that nothing can break is no rule.
func TestRulesCanBeBroken(t *testing.T) {
	for _, c := range []struct {
		name, pkg     string
		imports, deps []string
	}{
		{"a base package reaches another", "internal/errs", nil, []string{module + "/internal/wire"}},
		{"the core reads the clock", "bft", []string{"time"}, nil},
		{"the core draws randomness", "bft", []string{"math/rand/v2"}, nil},
		{"the core reaches the tree", "bft", nil, []string{module + "/objects/tree"}},
		{"a format reaches the network", "objects/extent", nil, []string{"github.com/libp2p/go-libp2p/core/peer"}},
		{"a format reaches the disk", "objects/tree", nil, []string{"github.com/dgraph-io/badger/v4"}},
		{"the user's program reaches the daemon", "cmd/peerctl", nil, []string{module + "/node"}},
		{"storing reaches custody", "objects", nil, []string{module + "/objects/custody"}},
	} {
		p := pkg{ImportPath: module + "/" + c.pkg, Imports: c.imports, Deps: c.deps}
		found := false
		for _, r := range rules {
			found = found || len(r.broken(p)) > 0
		}
		if !found {
			t.Errorf("%s, and no rule says so", c.name)
		}
	}
}

func TestForeignPackagesHaveOnePlace(t *testing.T) {
	for _, p := range packages(t) {
		for _, rule := range onlyHere {
			for _, path := range p.Imports {
				if matches(rule.what, path) && !matchesAny(rule.where, p.ImportPath) {
					t.Errorf("%s imports %s, which only %v may", p.short(), path, rule.where)
				}
			}
		}
	}
}

// A rule about a package that does not exist holds nothing: it is a planned
// package, or a slip of the pen.
func TestRulesSpeakOfPackagesThatExist(t *testing.T) {
	exists := make(map[string]bool)
	for _, p := range packages(t) {
		exists[p.short()] = true
	}
	names := slices.Clone(quiet)
	for _, r := range rules {
		names = append(names, r.packages...)
	}
	for _, name := range names {
		switch isPlanned := slices.Contains(planned, name); {
		case !exists[name] && !isPlanned:
			t.Errorf("a rule speaks of %s, which does not exist", name)
		case exists[name] && isPlanned:
			t.Errorf("%s exists: it is no longer planned", name)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + filepath.Base(p.Dir) + " "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: the package comment begins %q, want %q", p.short(), p.Doc, want)
		}
	}
}
