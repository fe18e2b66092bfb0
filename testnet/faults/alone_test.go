package faults

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet/testnettest"
)

// TestAlone uses a peer that has no other.
func TestAlone(t *testing.T) {
	c := &cluster{testnettest.Start(t, 1), testnettest.Binaries(t)}
	u := c.user(0)
	content := random(8, 3<<20)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
	put := u.run(t, "put", file)
	put.want(t, 0)
	saysOneCopy(t, "put", put.err)
	ref := strings.TrimSpace(string(put.out))
	u.reads(t, ref, content)
	u.reads(t, "home:/file", content)
	if got := u.must(t, "cat", "home:/file"); !bytes.Equal(got, content) {
		t.Errorf("cat gives %d other bytes", len(got))
	}
	if names := u.must(t, "ls", "home:"); string(names) != "file\n" {
		t.Errorf("ls says %q", names)
	}
	if stat := u.must(t, "stat", "home:/file"); !strings.Contains(string(stat), "3145728") {
		t.Errorf("stat says %q", stat)
	}
	saysOneCopy(t, "check", u.must(t, "check", "home:"))
	c.kill(t, 0)
	c.start(t, 0)
	u.reads(t, ref, content)
}

func saysOneCopy(t *testing.T, verb string, text []byte) {
	t.Helper()
	if !bytes.Contains(text, []byte("one copy")) {
		t.Errorf("%s does not say that there is one copy: %q", verb, text)
	}
}

// TestAllFull puts more than all peers together have room for.
func TestAllFull(t *testing.T) {
	c := &cluster{testnettest.Start(t, 3, "--quota", "1MiB"), testnettest.Binaries(t)}
	u := c.user(0)
	small := random(9, 20_000)
	ref := u.put(t, small, "home:/small").Reference
	put := u.start(t, "put", "-", "home:/large")
	put.feed(t, random(10, 2<<20))
	put.end(t).want(t, errs.TooFew.ExitCode(), errs.Full.ExitCode())
	u.lacks(t, "home:/large")
	c.user(1).reads(t, ref, small)
	u.reads(t, ref, small)
}
