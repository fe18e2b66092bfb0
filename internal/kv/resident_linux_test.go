package kv

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestParseMapping(t *testing.T) {
	for line, want := range map[string]uintptr{
		"7f00-8f00 rw-s 00000000 fe:01 12 /d/values/000001.vlog\n":           0x1000,
		"7f00-8f00 rw-s 00000000 fe:01 12 /d/values/a b.vlog\n":              0x1000,
		"7f00-8f00 rw-p 00000000 fe:01 12 /d/values/000001.vlog\n":           0, // private
		"7f00-8f00 rw-s 00000000 fe:01 12 /d/values/000001.vlog (deleted)\n": 0,
		"7f00-8f00 rw-s 00000000 fe:01 12 /d/index/000001.sst\n":             0,
		"7f00-8f00 rw-s 00000000 fe:01 12 /e/values/000001.vlog\n":           0,
		"8f00-7f00 rw-s 00000000 fe:01 12 /d/values/000001.vlog\n":           0,
		"x-y rw-s 00000000 fe:01 12 /d/values/000001.vlog\n":                 0,
		"7f00-8f00 rw-p 00000000 00:00 0\n":                                  0,
		"":                                                                   0,
	} {
		_, length, ok := parseMapping(line, "/d/values/", ".vlog")
		if length != want || ok != (want != 0) {
			t.Errorf("%q: %d bytes, %v", line, length, ok)
		}
	}
}

// residentFile returns the bytes of mapped files in the resident set.
func residentFile(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssFile:"); ok {
			if kib, err = strconv.Atoi(strings.Fields(rest)[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return kib << 10
}

func TestValuesDoNotStayResident(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := residentFile(t)
	value := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for i := range 64 {
		if err := s.Update(func(w Writer) error { return w.Set(fmt.Append(nil, i), value) }); err != nil {
			t.Fatal(err)
		}
	}
	if grown := residentFile(t) - before; grown > 2*residentBytesMax {
		t.Errorf("%d MiB of files resident after writing 64", grown>>20)
	}
	for i := range 64 {
		err := s.View(func(r Reader) error {
			return r.Get(fmt.Append(nil, i), func(v []byte) error {
				if !bytes.Equal(v, value) {
					t.Errorf("value %d differs", i)
				}
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
	}
	if grown := residentFile(t) - before; grown > 2*residentBytesMax {
		t.Errorf("%d MiB of files resident after reading 64", grown>>20)
	}
}
