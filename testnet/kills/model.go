package kills

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// verb is what a change does.
type verb int

const (
	put verb = iota
	tree
	remove
)

// change is something that the user does to one name.
type change struct {
	verb  verb
	name  string
	until string
	files map[string][]byte // below name, or of name itself under ""
}

// names are few, so that most changes are of what is there.
const names = 8

// sizes of files: in the tree itself, of one block, of some, of some extents.
var sizes = []int{0, 300, 60_000, 1 << 20, 6 << 20, 40 << 20}

// draw chooses the next change. What it puts is named after its number: no two
// changes put the same.
func (t *trial) draw(i int) change {
	c := change{name: fmt.Sprintf("f%d", t.random.IntN(names)), until: []string{"ordered", "archived"}[t.random.IntN(2)], files: make(map[string][]byte)}
	switch n := t.random.IntN(10); {
	case i >= 0 && n == 0:
		c.verb = remove
	case i >= 0 && n <= 3:
		c.verb, c.name = tree, fmt.Sprintf("d%d", t.random.IntN(names/2))
		for j := range 1 + t.random.IntN(30) {
			c.files[fmt.Sprintf("%02d", j)] = content(i, j, sizes[t.random.IntN(3)])
		}
	default:
		c.files[""] = content(i, 0, sizes[t.random.IntN(len(sizes))])
	}
	return c
}

func content(i, j, size int) []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(i))
	binary.LittleEndian.PutUint64(seed[8:], uint64(j))
	b := make([]byte, size+8)
	rand.NewChaCha8(seed).Read(b)
	return b
}

// write puts what a change puts on the disk, and returns its path.
func (c change) write(dir string) (string, error) {
	path := filepath.Join(dir, "source")
	if err := os.RemoveAll(path); err != nil {
		return path, err
	}
	if c.verb == put {
		return path, os.WriteFile(path, c.files[""], 0o644)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return path, err
	}
	for name, b := range c.files {
		if err := os.WriteFile(filepath.Join(path, name), b, 0o644); err != nil {
			return path, err
		}
	}
	return path, nil
}

// sum names the content of a file; absent is that there is none.
type sum string

const absent sum = ""

func sumOf(b []byte) sum {
	s := sha256.Sum256(b)
	return sum(s[:])
}

// model is what may be there: for each file all that it may hold.
type model map[string][]sum

func newModel() model { return make(model) }

// paths are the files that a change touches, and what they hold after it.
func (c change) paths() map[string]sum {
	after := make(map[string]sum)
	switch c.verb {
	case put:
		after[c.name] = sumOf(c.files[""])
	case remove:
		after[c.name] = absent
	case tree: // it is merged
		for name, b := range c.files {
			after[c.name+"/"+name] = sumOf(b)
		}
	}
	return after
}

// acknowledge notes a change that succeeded.
func (m model) acknowledge(c change) {
	for path, s := range c.paths() {
		m[path] = []sum{s}
	}
}

// attempt notes one that may or may not have happened; of a tree, in part.
func (m model) attempt(c change) {
	for path, s := range c.paths() {
		m[path] = append(m.may(path), s)
	}
}

// may returns what a file may hold.
func (m model) may(path string) []sum {
	if may := m[path]; len(may) > 0 {
		return slices.Clone(may)
	}
	return []sum{absent}
}

// saw notes what a file holds: from then on nothing that was cut off before can
// change it.
func (m model) saw(path string, s sum) error {
	if !slices.Contains(m.may(path), s) {
		if s == absent {
			return fmt.Errorf("%s is missing", path)
		}
		return fmt.Errorf("%s holds what was not put there, or something that was replaced", path)
	}
	m[path] = []sum{s}
	return nil
}
