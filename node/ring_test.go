package node

import "testing"

func TestHeadCopies(t *testing.T) {
	for others, want := range map[int]int{0: 0, 1: 1, 2: 1, 3: 2, 6: 3, 7: 4, 49: 4, 10_000: 4} {
		if got := headCopies(others); got != want {
			t.Errorf("of %d others %d must confirm, want %d", others, got, want)
		}
	}
}
