package archtest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mapped reads the map of packages in a text: the lines from the one that begins
// with "cmd/peerd " to the end of its block. A name that is indented by two more
// spaces than one above it lies in that one.
func mapped(text string) map[string]string {
	at := strings.Index(text, "\ncmd/peerd ")
	if at < 0 {
		return nil
	}
	block, _, _ := strings.Cut(text[at+1:], "```")
	what := map[string]string{}
	var path []string
	for line := range strings.Lines(block) {
		name, does, _ := strings.Cut(strings.TrimSpace(line), " ")
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		path = append(path[:min(depth, len(path))], name)
		what[strings.Join(path, "/")] = strings.TrimSpace(does)
	}
	return what
}

func TestMapIsRead(t *testing.T) {
	got := mapped("text\n```\ncmd/peerd  flags\na   one\n  b  two\n    c  planned: three\nd/e  four\n```\nf  five\n")
	want := map[string]string{"cmd/peerd": "flags", "a": "one", "a/b": "two", "a/b/c": "planned: three", "d/e": "four"}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A newcomer finds his way by the map: it names every package, and none that is gone.
func TestDesignNamesEveryPackage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "DESIGN.md"))
	if err != nil {
		t.Fatal(err)
	}
	what := mapped(string(text))
	there := map[string]bool{}
	for _, p := range packages(t) {
		there[p.short()] = true
		if what[p.short()] == "" {
			t.Errorf("docs/DESIGN.md, section 9, does not say what %s is", p.short())
		}
	}
	for name, does := range what {
		isPlanned := slices.Contains(planned, name)
		if there[name] == isPlanned {
			t.Errorf("docs/DESIGN.md, section 9, names %s: exists %t, planned %t", name, there[name], isPlanned)
		}
		if strings.HasPrefix(does, "planned:") != isPlanned {
			t.Errorf("docs/DESIGN.md, section 9, says of %s %q: planned %t", name, does, isPlanned)
		}
	}
}
