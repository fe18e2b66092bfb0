package testnet

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
)

func TestStateFile(t *testing.T) {
	dir := t.TempDir()
	boot, err := bootID()
	if err != nil {
		t.Fatal(err)
	}
	want := &state{Format: stateFormat, Boot: boot, Peers: []record{
		{Port: 10_001, ID: "a", PID: 7, Started: 1 << 60}, {Port: 10_002},
	}}
	if err := want.write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := readState(dir)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("readState = %+v, %v; want %+v", got, err, want)
	}
}

func TestStateForgetsPidsOfAnotherBoot(t *testing.T) {
	dir := t.TempDir()
	old := &state{Format: stateFormat, Boot: "another", Peers: []record{{Port: 10_001, ID: "a", PID: 1, Started: 1}}}
	if err := old.write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := readState(dir)
	if err != nil || got.Peers[0] != (record{Port: 10_001, ID: "a"}) {
		t.Errorf("readState = %+v, %v", got, err)
	}
}

func TestReadStateRefuses(t *testing.T) {
	for _, c := range []struct {
		name, content string
		kind          errs.Kind
	}{
		{"absent", "", errs.NotFound},
		{"torn", `{"format":1,"peers":[`, errs.Damaged},
		{"newer", `{"format":2,"peers":[]}`, errs.Usage},
	} {
		dir := t.TempDir()
		if c.content != "" {
			if err := os.WriteFile(filepath.Join(dir, stateName), []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := readState(dir); errs.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want kind %v", c.name, err, c.kind)
		}
	}
}

func TestGrowKeepsPorts(t *testing.T) {
	s := new(state)
	if err := s.grow(2); err != nil {
		t.Fatal(err)
	}
	first := s.Peers[1].Port
	if err := s.grow(4); err != nil || len(s.Peers) != 4 || s.Peers[1].Port != first {
		t.Errorf("grow = %+v, %v; peer 1 had port %d", s.Peers, err, first)
	}
}
