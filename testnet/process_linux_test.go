package testnet

import "testing"

func TestParseStat(t *testing.T) {
	for _, c := range []struct {
		name, stat string
		since      started
		letter     byte
		ok         bool
	}{
		{"running", "7 (peerd) R 1 7 7 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 9 0 1234 5 6", 1234, 'R', true},
		{"paused", "7 (peerd) T 1 7 7 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 9 0 1234 5 6", 1234, 'T', true},
		{"odd name", "7 (a) R 1 (b) c) S 1 7 7 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 9 0 1234 5 6", 1234, 'S', true},
		{"ended", "7 (peerd) Z 1 7 7 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 1234 0 0", 1234, 'Z', false},
		{"ending: threads are left", "7 (peerd) Z 1 7 7 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 3 0 1234 0 0", 1234, 'Z', true},
		{"cut off", "7 (peerd) R 1 7 7", 0, 0, false},
		{"no name", "7 peerd R 1 7 7 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 9 0 1234 5 6", 0, 0, false},
		{"empty", "", 0, 0, false},
	} {
		since, letter, ok := parseStat([]byte(c.stat))
		if since != c.since || letter != c.letter || ok != c.ok {
			t.Errorf("%s: %d, %c, %v", c.name, since, letter, ok)
		}
	}
}
