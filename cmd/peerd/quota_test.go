package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The quota that was chosen once is what the next start finds, whatever the file
// looked like before.
func TestTheQuotaIsChosenOnce(t *testing.T) {
	for name, content := range map[string]string{
		"no file":      "",
		"the template": template,
		"a short file": "mdns = false\n\n[custody]\nrate = '1 MiB'\n",
	} {
		dir := filepath.Join(t.TempDir(), "data")
		o := &options{dir: dir}
		if content != "" {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(o.path(), []byte(content), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		var said bytes.Buffer
		chosen, err := chooseQuota(dir, o.path(), &said)
		if err != nil || chosen < quotaBytesMin || !strings.Contains(said.String(), o.path()) {
			t.Fatalf("%s: %d, %v, said %q", name, chosen, err, said.String())
		}
		s, err := o.settings(pflag.NewFlagSet("run", pflag.ContinueOnError))
		if err != nil || uint64(s.Quota) != chosen {
			t.Errorf("%s: chosen %d, read back %d, %v", name, chosen, s.Quota, err)
		}
		if strings.HasPrefix(content, "mdns") && (s.MDNS == nil || *s.MDNS || s.Custody.Rate != 1<<20) {
			t.Errorf("%s: other settings are lost: %+v", name, s)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) > 0 {
			t.Errorf("%s: %q is left behind, %v", name, left, err)
		}
	}
}

// A configuration that cannot be written keeps nobody from running.
func TestAQuotaThatCannotBeWrittenIsSaid(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "no", "such", "directory.toml")
	var said bytes.Buffer
	if chosen, err := chooseQuota(dir, config, &said); err != nil || chosen == 0 || !strings.Contains(said.String(), "not written") {
		t.Errorf("%d, %v, said %q", chosen, err, said.String())
	}
}
