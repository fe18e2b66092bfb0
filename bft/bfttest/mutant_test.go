package bfttest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A mutant is the core with one deliberate mistake, and the runs that find it.
var mutants = []struct {
	name, file, old, new, runs string
}{
	{
		"a quorum of f+1", "member.go", "return 2*r.Faults() + 1", "return r.Faults() + 1", "TestLiar|TestDividing",
	},
	{
		"a new view that forgets what was prepared", "view.go", "p.Decision.Version == version+1 &&", "p.Decision.Version == 0 &&", "TestIsolating|TestDividing",
	},
	{
		"a second proposal prepared in one view", "propose.go",
		"case r.current != nil:\n\t\tif r.state.Accepted.Decision == d.ID() {", "case r.current != nil && r.state.Accepted.Decision == d.ID():\n\t\tif true {", "TestLiar",
	},
	{
		"a vote in a view that was left", "view.go", "if !newer(m, r.changes[from])", "if r.state.Changing = false; !newer(m, r.changes[from])", "TestRough|TestDividing",
	},
	{
		"an epoch that ends and goes on", "epoch.go", "r.over = true", "r.over = false", "TestChanging",
	},
	{
		"an epoch that begins with nothing", "replica.go", "if d := s.Base; d != nil {", "if d := s.Base; d != nil && d.Version == 0 {", "TestChanging",
	},
	{
		"an epoch that ends and forgets what waits", "epoch.go", "r.out.Left = append(r.out.Left, waits.update)", "_ = waits", "TestChanging",
	},
	{
		"a timer that knows no distance", "timer.go", "r.quorumMilli = milli[", "_ = milli[", "TestFar",
	},
	{
		"a promise that is not durable", "step.go", "r.out.Sync = r.promises()", "r.out.Sync = false", "TestCrashing",
	},
}

// Whoever changes the core must be able to trust these runs: each of its rules
// that is broken here by hand makes one of them fail.
func TestMutants(t *testing.T) {
	core, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		path := filepath.Join(core, m.file)
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(source), m.old) != 1 {
			t.Fatalf("%s: %s does not hold %q once", m.name, m.file, m.old)
		}
		dir := t.TempDir()
		changed, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
		write(t, changed, []byte(strings.Replace(string(source), m.old, m.new, 1)))
		list, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
		if err != nil {
			t.Fatal(err)
		}
		write(t, overlay, list)
		out, err := exec.Command("go", "test", "-overlay", overlay, "-failfast", "-run", "^("+m.runs+")$", ".").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "broken: ") {
			t.Errorf("%s is not found: %v\n%s", m.name, err, out)
			continue
		}
		_, found, _ := strings.Cut(string(out), "broken: ")
		found, _, _ = strings.Cut(found, "\n")
		t.Logf("%s: %s", m.name, found)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
