package progress

import (
	"strings"
	"testing"
	"time"
)

func TestPlainLinesAreRare(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	l := newLine(&out, false, func() time.Time { return now })
	for range 25 {
		l.Show("working")
		now = now.Add(time.Second)
	}
	l.Say("%d done", 3)
	l.Close()
	want := "   0s  working\n  10s  working\n  20s  working\n3 done\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestTerminalLineIsRewritten(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	l := newLine(&out, true, func() time.Time { return now })
	l.Show("one")
	now = now.Add(time.Second)
	l.Show(strings.Repeat("é", 2*widthMax))
	l.Close()
	const erase = "\r\x1b[K"
	lines := strings.Split(out.String(), erase)
	if len(lines) != 4 || lines[1] != "   0s  one" || lines[3] != "" {
		t.Fatalf("got %q", lines)
	}
	if n := len([]rune(lines[2])); n != widthMax || !strings.HasSuffix(lines[2], "…") {
		t.Errorf("a long line was cut to %d runes: %q", n, lines[2])
	}
}
