package sizes

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/atollnet/atoll/testnet/testnettest"
)

// The small ones with the real programs; the others are a command.
func TestSmallNetworks(t *testing.T) {
	line := progress.New(io.Discard)
	defer line.Close()
	var out strings.Builder
	cfg := Config{Sizes: []int{1, 2, 3}, Seed: 7, Programs: testnettest.Binaries(t), Out: &out, Line: line}
	if err := Run(t.Context(), cfg); err != nil {
		t.Fatalf("%v\n%s\n%s", err, errs.HintOf(err), &out)
	}
	for _, want := range []string{" 1 peers: stored, healthy, fetched\n", " 2 peers: stored, healthy, fetched; without 1 fetched\n", " 3 peers: stored, healthy, fetched; without 1 fetched\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it says %q, want %q in it", &out, want)
		}
	}
}

func TestSizesThatCannotBe(t *testing.T) {
	for _, sizes := range [][]int{nil, {0}, {3, -1}} {
		if err := Run(t.Context(), Config{Sizes: sizes, Heal: time.Second, Out: io.Discard}); errs.KindOf(err) != errs.Usage {
			t.Errorf("%v: %v", sizes, err)
		}
	}
}
