package objects

import (
	"bytes"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
)

func TestWrongKeyOfAFileIsRefused(t *testing.T) {
	w := newWorld(t, 10)
	g := w.gateway(0)
	for name, size := range map[string]int{"inline": 100, "in an extent": 100_000} {
		c := w.put(g, "f", random(1, size))
		c.Key[0] ^= 1
		s, _, err := g.snapshotOf(t.Context(), w.place)
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.Node(t.Context(), c.Node, c.Key)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := s.ReadFile(t.Context(), e, 0, -1, &got); errs.KindOf(err) != errs.Refused || errs.HintOf(err) == "" || got.Len() != 0 {
			t.Errorf("%s: %d bytes, %v", name, got.Len(), err)
		}
	}
}
