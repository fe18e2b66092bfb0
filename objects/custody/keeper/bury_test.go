package keeper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
)

// TellDeleted has a peer free what it has.
func (s *sea) TellDeleted(_ context.Context, p wire.PeerID, d transfer.Deletion) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.dead[p]:
		return 0, errors.New("connection refused")
	case s.refusing[p]:
		return 0, &transfer.Refusal{Kind: transfer.RefusedNotAllowed}
	case string(d.Word) != "word" || d.Object != wire.ObjectID{7}:
		s.t.Errorf("told of %v with word %q", d.Object, d.Word)
	}
	freed := uint64(len(s.shares[p]))
	delete(s.shares, p)
	s.told[p]++
	return freed, nil
}

// end deletes the object.
func (s *sea) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = true
}

// left counts the peers that still have shares.
func (s *sea) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.shares)
}

func (s *sea) tellings() map[wire.PeerID]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.told)
}

// All holders hear of a deletion, those too to whom shares have moved and those
// that were away, each once, over restarts; nothing is repaired meanwhile.
func TestHoldersHearOfADeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 8)
		extra := wire.PeerID{0x70}
		s.mu.Lock()
		s.peers = append(s.peers, extra)
		s.mu.Unlock()
		s.during(func(k *Keeper) {
			after(2 * time.Hour)
			s.kill(0, 1, 2)
			after(24 * time.Hour)
			if s.live() != testN {
				t.Fatalf("%d shares are live", s.live())
			}
			s.kill(3)
			s.end()
			after(2 * time.Hour)
			if left := s.left(); left != 4 {
				t.Errorf("%d peers have shares, 4 were away", left)
			}
		})
		brought := s.moved()
		s.revive(0)
		s.during(func(k *Keeper) {
			after(2 * time.Hour)
			if left := s.left(); left != 3 {
				t.Errorf("%d peers have shares, 3 were away", left)
			}
			s.revive(1, 2, 3)
			after(3 * time.Hour)
		})
		s.during(func(*Keeper) { after(48 * time.Hour) })
		for p, times := range s.tellings() {
			if times != 1 {
				t.Errorf("%v was told %d times", p, times)
			}
		}
		if s.left() != 0 || s.moved() != brought || len(s.store.Keys([]byte{keyPrefix, classExtent})) != 0 {
			t.Errorf("%d peers have shares, %d were brought after the deletion, %d extents are known", s.left(), s.moved()-brought, len(s.store.Keys([]byte{keyPrefix, classExtent})))
		}
	})
}

// A holder that does not believe it is not asked again, nor one that stays away
// for longer than any lease lasts.
func TestSomeHoldersAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 8)
		s.refusing[s.peers[0]] = true
		s.kill(1)
		s.during(func(k *Keeper) {
			after(time.Hour)
			s.end()
			after(time.Hour)
			if left := s.left(); left != 2 {
				t.Errorf("%d peers have shares", left)
			}
			k.mu.Lock()
			k.burials[wire.ObjectID{7}].began -= 2*int64(k.LeaseSeconds) + 1
			k.mu.Unlock()
			after(time.Hour)
			k.mu.Lock()
			left := len(k.burials)
			k.mu.Unlock()
			if left != 0 {
				t.Errorf("%d deleted objects are still told of", left)
			}
		})
	})
}

// Wherever a crash or a failure of the disk ends a deletion, the next start goes
// on with it.
func TestADeletionSurvivesEveryFailure(t *testing.T) {
	const steps = 2 + 8 // who is told, extents forgotten, each of eight told
	for step := range steps {
		for _, fault := range []kvtest.Fault{kvtest.NotDone, kvtest.Reported} {
			for survives := range 3 {
				synctest.Test(t, func(t *testing.T) {
					what := fmt.Sprintf("step %d fault %d survives %d", step, fault, survives)
					s := newSea(t, 8)
					s.during(func(*Keeper) { after(time.Hour) })
					if err := s.store.Sync(); err != nil {
						t.Fatal(err)
					}
					s.end()
					broken := false
					s.store.Inject(func(at int) kvtest.Fault {
						if at == step {
							broken = true
							return fault
						}
						return kvtest.None
					})
					s.during(func(*Keeper) { after(time.Minute) })
					s.store.CrashKeeping(survives)
					s.during(func(*Keeper) { after(2 * time.Hour) })
					if !broken || s.left() != 0 || len(s.store.Keys([]byte{keyPrefix, classExtent})) != 0 {
						t.Errorf("%s: broken %v, %d peers have shares, %d records", what, broken, s.left(), len(s.store.Keys([]byte{keyPrefix, classExtent})))
					}
				})
			}
		}
	}
}

func TestParseBurialRecord(t *testing.T) {
	full := burialRecord{Format: burialRecordsFormat, Began: 5, Untold: make([]wire.PeerID, untoldMax)}
	if _, err := parseBurialRecord(wire.Marshal(full)); err != nil {
		t.Error(err)
	}
	full.Untold = append(full.Untold, wire.PeerID{})
	for name, r := range map[string]burialRecord{"too many": full, "newer": {Format: 2}} {
		if _, err := parseBurialRecord(wire.Marshal(r)); !errors.Is(err, wire.ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
