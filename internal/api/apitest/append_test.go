package apitest

import "testing"

// Versions that share their bytes stay what they were.
func TestExtendLeavesOthersAsTheyWere(t *testing.T) {
	var first node
	first.extend([]byte("one"))
	second, copied := first, first
	second.extend([]byte("two"))
	copied.extend([]byte("other"))
	third := second
	third.extend([]byte("three"))
	replaced := third
	replaced.content = []byte("ONETWOTHREE")
	replaced.extend([]byte("!"))
	for _, c := range []struct {
		n    node
		want string
	}{{first, "one"}, {second, "onetwo"}, {copied, "oneother"}, {third, "onetwothree"}, {replaced, "ONETWOTHREE!"}} {
		if string(c.n.content) != c.want {
			t.Errorf("%q, want %q", c.n.content, c.want)
		}
	}
}

// A log of many versions has few arrays, which grow as append has them grow.
func TestVersionsOfALogShareTheirBytes(t *testing.T) {
	arrays := map[*byte]bool{}
	var n node
	for range 10_000 {
		n.extend([]byte("a line\n"))
		arrays[&n.content[0]] = true
	}
	if len(arrays) > 100 {
		t.Errorf("%d arrays", len(arrays))
	}
}
