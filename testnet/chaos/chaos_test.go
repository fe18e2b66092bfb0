package chaos

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
	"github.com/atollnet/atoll/testnet/history"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/atollnet/atoll/testnet/ringuser"
	"github.com/atollnet/atoll/testnet/testnettest"
)

// A short trial, on real peers; `testnet chaos` makes long ones.
func TestAShortTrial(t *testing.T) {
	line := progress.New(io.Discard)
	defer line.Close()
	var out bytes.Buffer
	err := Run(t.Context(), Config{
		Peers: 6, Members: 4, Clients: 4, For: 4 * time.Second, Seed: 1, Programs: testnettest.Binaries(t), Out: &out, Line: line,
	})
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, errs.HintOf(err), &out)
	}
	if strings.Count(out.String(), "ok: ") != 3 {
		t.Errorf("not everything was checked:\n%s", &out)
	}
}

func TestTrialsThatCannotBe(t *testing.T) {
	good := Config{Peers: 6, Members: 4, Clients: 1, For: time.Second}
	for name, change := range map[string]func(*Config){
		"too few peers":  func(c *Config) { c.Peers = 5 },
		"a ring of five": func(c *Config) { c.Members = 5 },
		"no client":      func(c *Config) { c.Clients = 0 },
		"no time":        func(c *Config) { c.For = 0 },
	} {
		c := good
		change(&c)
		if err := Run(t.Context(), c); errs.KindOf(err) != errs.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlansRepeatAndLeaveNothingOut(t *testing.T) {
	a, b := plan(3), plan(3)
	ways, targets := make(map[way]bool), make(map[target]bool)
	for range 200 {
		x, y := a(), b()
		if x != y {
			t.Fatalf("one seed gives %+v and %+v", x, y)
		}
		if x.last < brokenMin || x.last > brokenMax || x.after > pauseMax {
			t.Errorf("broken for %v after %v", x.last, x.after)
		}
		ways[x.way], targets[x.whom] = true, true
	}
	if len(ways) != 3 || len(targets) != 4 {
		t.Errorf("ways %v, targets %v", ways, targets)
	}
}

// What must be found is found.
func TestAWrongLogIsFound(t *testing.T) {
	one, two := []byte("one"), []byte("two")
	entry := func(u []byte, change func(*update.Outcome)) ringuser.Entry {
		e := ringuser.Entry{Version: 1, Update: u, Outcome: update.Outcome{Status: update.Applied}}
		change(&e.Outcome)
		return e
	}
	plain := func(*update.Outcome) {}
	repeated := func(o *update.Outcome) { o.Repeated = true }
	refused := func(o *update.Outcome) { o.Status = update.Refused }
	late := func(o *update.Outcome) { o.Status, o.Reason = update.Refused, update.ReasonStale }
	for _, c := range []struct {
		name    string
		entries []ringuser.Entry
		ok      bool
	}{
		{"each once", []ringuser.Entry{entry(one, plain), entry(two, plain)}, true},
		{"one was told twice", []ringuser.Entry{entry(one, plain), entry(two, plain), entry(one, repeated)}, true},
		{"one is applied twice", []ringuser.Entry{entry(one, plain), entry(two, plain), entry(one, plain)}, false},
		{"one was refused", []ringuser.Entry{entry(one, plain), entry(two, refused)}, false},
		{"one came again when it was forgotten", []ringuser.Entry{entry(one, plain), entry(two, plain), entry(one, late)}, true},
		{"one came only when it was too late", []ringuser.Entry{entry(two, plain), entry(one, late)}, false},
		{"one is lost", []ringuser.Entry{entry(two, plain)}, false},
		{"in an impossible order", []ringuser.Entry{entry(two, plain), entry(one, plain)}, false},
	} {
		a := &appends{updates: []wire.Hash{bft.RequestID(one), bft.RequestID(two)}}
		for i := range int64(2) {
			a.all = append(a.all, history.Append{Began: 10 * i, Ended: 10*i + 5, Acknowledged: true, Place: history.Unknown})
		}
		err := a.place(c.entries)
		if err == nil {
			err = history.Linearizable(a.all, time.Second)
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
