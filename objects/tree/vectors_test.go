package tree

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/atollnet/atoll/internal/wire"
)

// TestVectors runs testdata/vectors.txt, which FORMAT.md explains.
func TestVectors(t *testing.T) {
	source := newMemory()
	m := Load(source, wire.NodeHash{})
	datadriven.RunTest(t, "testdata/vectors.txt", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "version":
			var v int
			if _, err := fmt.Sscan(d.CmdArgs[0].String(), &v); err != nil {
				t.Fatal(err)
			}
			e := m.Edit(wire.Version(v))
			for line := range bytes.Lines([]byte(d.Input)) {
				vectorEdit(t, e, string(bytes.TrimSpace(line)))
			}
			var nodes []Node
			m, nodes = source.commit(t, e)
			return describe(t, source, m, nodes)
		case "root-node":
			return fmt.Sprintf("%x\n", source.nodes[m.root])
		}
		t.Fatalf("unknown command %q", d.Cmd)
		return ""
	})
}

func vectorEdit(t *testing.T, e *Editor, line string) {
	var verb string
	var first, last, step, size int
	if _, err := fmt.Sscanf(line, "%s %d %d %d %d", &verb, &first, &last, &step, &size); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	key := func(i int) []byte { return fmt.Appendf(nil, "k%06d", i) }
	if verb == "delete-range" {
		e.DeleteRange(key(first), key(last))
		return
	}
	for i := first; i < last; i += step {
		switch verb {
		case "set":
			if err := e.Set(key(i), bytes.Repeat([]byte{byte(i)}, size)); err != nil {
				t.Fatal(err)
			}
		case "delete":
			e.Delete(key(i))
		default:
			t.Fatalf("unknown edit %q", verb)
		}
	}
}

// describe lists the map's nodes level by level, as counts, and the root.
func describe(t *testing.T, source *memory, m *Map, nodes []Node) string {
	levels := map[uint8]int{}
	least, most := wire.TreeNodeBytesMax, 0
	for h := range check(t, m) {
		n, err := parse(source.nodes[h])
		if err != nil {
			t.Fatal(err)
		}
		levels[n.level]++
		if h != m.root {
			least, most = min(least, n.size()), max(most, n.size())
		}
	}
	sizes := "none"
	if most > 0 {
		sizes = fmt.Sprintf("%d to %d", least, most)
	}
	return fmt.Sprintf("nodes by level: %v\nnew nodes: %d\nbytes of nodes below the root: %s\nroot: %v\n",
		levels, len(nodes), sizes, m.root)
}
