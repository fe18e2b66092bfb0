package kills

import (
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/atollnet/atoll/testnet/testnettest"
)

// A short trial with the real programs; the long one is a command.
func TestAPeerThatIsKilledKeepsWhatItAcknowledged(t *testing.T) {
	line := progress.New(io.Discard)
	defer line.Close()
	var out strings.Builder
	cfg := Config{Peers: 3, Ring: 1, Kills: 6, Seed: 5, Programs: testnettest.Binaries(t), Out: &out, Line: line}
	if err := Run(t.Context(), cfg); err != nil {
		t.Fatalf("%v\n%s\n%s", err, errs.HintOf(err), &out)
	}
	if !strings.Contains(out.String(), "6 kills") {
		t.Errorf("it says %q", out.String())
	}
}

// The model itself must find what is wrong.
func TestTheModelFindsWhatIsLost(t *testing.T) {
	one, two := change{name: "f", files: map[string][]byte{"": []byte("one")}}, change{name: "f", files: map[string][]byte{"": []byte("two")}}
	m := newModel()
	m.acknowledge(one)
	m.attempt(two)
	for what, s := range map[string]sum{"nothing": absent, "half": sumOf([]byte("tw"))} {
		if err := m.saw("f", s); err == nil {
			t.Errorf("%s was taken for what was put", what)
		}
	}
	if err := m.saw("f", sumOf([]byte("two"))); err != nil {
		t.Error(err)
	}
	if err := m.saw("f", sumOf([]byte("one"))); err == nil {
		t.Error("what was replaced came back and was not noticed")
	}
	if err := m.saw("g", sumOf(nil)); err == nil {
		t.Error("what nobody put was not noticed")
	}
}

func TestASeedChoosesTheSameChanges(t *testing.T) {
	draw := func() (all []change) {
		x := &trial{random: rand.New(rand.NewPCG(3, 1))}
		for i := range 50 {
			all = append(all, x.draw(i))
		}
		return all
	}
	a, b := draw(), draw()
	verbs := make(map[verb]bool)
	for i := range a {
		verbs[a[i].verb] = true
		if a[i].verb != b[i].verb || a[i].name != b[i].name || len(a[i].files) != len(b[i].files) {
			t.Fatalf("change %d differs", i)
		}
	}
	if len(verbs) != 3 {
		t.Errorf("of all changes only %v are tried", verbs)
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []Config{{Peers: 1, Kills: 1}, {Peers: 3}} {
		if err := Run(t.Context(), c); errs.KindOf(err) != errs.Usage {
			t.Errorf("Run(%+v) = %v", c, err)
		}
	}
}
