package objects

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

func TestRunsGrow(t *testing.T) {
	all := func(extents ...int) iter.Seq2[wanted, error] {
		return func(yield func(wanted, error) bool) {
			for x, stripes := range extents {
				for i := range stripes {
					ref := update.BlockRef{Extent: wire.ExtentID{byte(x + 1)}, Stripe: uint32(i), Length: 1}
					if !yield(wanted{ref: ref}, nil) {
						return
					}
				}
			}
		}
	}
	for _, c := range []struct{ extents, runs []int }{
		{[]int{1}, []int{1}},
		{[]int{3}, []int{1, 2}},
		{[]int{1, 1, 1}, []int{1, 1, 1}},
		{[]int{32, 32, 20}, []int{1, 2, 4, 8, 16, 1, 32, 20}},
		{[]int{5, 32, 32}, []int{1, 2, 2, 8, 16, 8, 32}},
	} {
		var runs []int
		for blocks, err := range cutRuns(all(c.extents...)) {
			if err != nil {
				t.Fatal(err)
			}
			runs = append(runs, len(blocks))
		}
		if !slices.Equal(runs, c.runs) {
			t.Errorf("extents of %v stripes are read in runs of %v, want %v", c.extents, runs, c.runs)
		}
	}
}

// Inline blocks are at hand: they part no run, and alone make one of their own.
func TestInlineBlocksPartNoRun(t *testing.T) {
	var want []wanted
	for i, c := range "iSiSSiiSiTi" {
		w := wanted{ref: update.BlockRef{Length: uint32(i)}}
		switch c {
		case 'S':
			w.ref.Extent, w.ref.Stripe = wire.ExtentID{1}, uint32(strings.Count("iSiSSiiSiTi"[:i], "S"))
		case 'T':
			w.ref.Extent = wire.ExtentID{2}
		}
		want = append(want, w)
	}
	for range runBlocksMax {
		want = append(want, wanted{})
	}
	all := func(yield func(wanted, error) bool) {
		for _, w := range want {
			if !yield(w, nil) {
				return
			}
		}
	}
	var runs []int
	for blocks, err := range cutRuns(all) {
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, len(blocks))
	}
	if rest := len(want) - 2 - 3 - 4 - runBlocksMax; !slices.Equal(runs, []int{2, 3, 4, runBlocksMax, rest}) {
		t.Errorf("runs of %v", runs)
	}
}

// The first block is handed over while no holder gives anything of the others.
func TestTheFirstByteWaitsForOneBlockAlone(t *testing.T) {
	w := newWorld(t, 40)
	content := random(3, 6<<20)
	c := w.put(w.gateway(0), "f", content)
	w.archive()
	g := w.gateway(1)
	e, err := w.node(g, c)
	if err != nil {
		t.Fatal(err)
	}
	free := make(chan struct{})
	for _, h := range w.holders {
		h.hold(func(offset int) {
			if offset > 0 {
				<-free
			}
		})
	}
	s, _, err := g.snapshotOf(t.Context(), w.place)
	if err != nil {
		t.Fatal(err)
	}
	r, out := io.Pipe()
	go func() { out.CloseWithError(s.ReadFile(t.Context(), e, 0, -1, out)) }()
	first := make([]byte, 1)
	_, err = io.ReadFull(r, first)
	close(free)
	rest, restErr := io.ReadAll(r)
	if got := append(first, rest...); errors.Join(err, restErr) != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v, %v", len(got), err, restErr)
	}
}

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
