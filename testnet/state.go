package testnet

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/atollnet/atoll/internal/errs"
)

const (
	stateName   = "testnet.json"
	lockName    = "testnet.lock"
	stateFormat = 1
)

// state is what D/testnet.json holds: everything that a later command must
// know and cannot ask the peers themselves.
type state struct {
	Format int      `json:"format"`
	Boot   string   `json:"boot"`            // the boot in which the processes were started
	Roots  []string `json:"roots,omitempty"` // DS records of the zone that all trust; with them the peers answer DNS
	Peers  []record `json:"peers"`
}

// record is one peer in the state file.
type record struct {
	Port    int     `json:"port"`           // of its address; chosen at first start and kept
	ID      string  `json:"peer,omitempty"` // its peer ID, known since it first answered
	PID     int     `json:"pid,omitempty"`  // 0: not started, or ended by us
	Started started `json:"started,omitempty"`
}

// alive reports whether the recorded process still runs, and whether it is
// paused.
func (r record) alive() (alive, paused bool) {
	if r.PID == 0 {
		return false, false
	}
	since, letter, ok := inspect(r.PID)
	if !ok || since != r.Started {
		return false, false
	}
	return true, letter == letterPaused
}

// readState reads the state of the network in dir. Where there is none the
// error is of kind NotFound.
func readState(dir string) (*state, error) {
	b, err := os.ReadFile(filepath.Join(dir, stateName))
	if errors.Is(err, fs.ErrNotExist) {
		err = errs.Newf("open network", dir, errs.NotFound, "there is no test network in this directory")
		return nil, errs.Hint(err, "start one: testnet up --dir %s --peers 5 --detach", dir)
	}
	if err != nil {
		return nil, errs.New("open network", dir, errs.Other, err)
	}
	s := new(state)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, errs.New("read network state", filepath.Join(dir, stateName), errs.Damaged, err)
	}
	if s.Format != stateFormat {
		return nil, errs.Newf("read network state", dir, errs.Usage,
			"the directory has format %d, this program knows %d", s.Format, stateFormat)
	}
	return s, s.forgetOtherBoots()
}

// forgetOtherBoots drops the pids of an earlier boot of the machine.
func (s *state) forgetOtherBoots() error {
	boot, err := bootID()
	if err != nil {
		return errs.New("read boot id", "", errs.Other, err)
	}
	if s.Boot != boot {
		for i := range s.Peers {
			s.Peers[i].PID, s.Peers[i].Started = 0, 0
		}
		s.Boot = boot
	}
	return nil
}

// write replaces the state file of dir as a whole.
func (s *state) write(dir string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, stateName)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return errs.New("write network state", dir, errs.Other, err)
	}
	return os.Rename(path+".new", path)
}

// grow adds records, each with a port of its own, until there are n peers.
func (s *state) grow(n int) error {
	for i := len(s.Peers); i < n; i++ {
		port, err := choosePort(address(i))
		if err != nil {
			return err
		}
		s.Peers = append(s.Peers, record{Port: port})
	}
	return nil
}

// running counts the peers whose processes live and are not paused.
func (s *state) running() int {
	n := 0
	for _, r := range s.Peers {
		if alive, paused := r.alive(); alive && !paused {
			n++
		}
	}
	return n
}

// count counts the peers whose processes live, paused or not.
func (s *state) count() int {
	n := 0
	for _, r := range s.Peers {
		if alive, _ := r.alive(); alive {
			n++
		}
	}
	return n
}
