package keeper

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
)

func (s *sea) said(leaving bool) transfer.Notice {
	return transfer.Notice{Object: wire.ObjectID{7}, Leaving: leaving, Extents: []wire.ExtentID{s.manifest.ID()}}
}

// isSettled gives a notice and returns what is said to it.
func (s *sea) isSettled(k *Keeper, holder wire.PeerID, leaving bool) bool {
	s.t.Helper()
	needs, err := k.Notice(holder, s.said(leaving))
	if err != nil || len(needs) != 1 {
		s.t.Fatalf("%v, %v", needs, err)
	}
	return needs[0] == transfer.Settled
}

// conducts returns how many audits each peer has passed.
func (k *Keeper) conducts(peers []wire.PeerID) (proved []uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range peers {
		proved = append(proved, k.peers[p].conduct.Proved)
	}
	return proved
}

// mayTake reports whether shares may be brought to a peer.
func (k *Keeper) mayTake(peer wire.PeerID) bool {
	return slices.ContainsFunc(k.candidates(), func(c plan.Candidate) bool { return c.Peer == peer })
}

func TestADamagedShareIsAskedForAtOnceAndAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, testN)
		s.during(func(k *Keeper) {
			after(2 * time.Hour)
			before := k.conducts(s.peers)
			s.mu.Lock()
			delete(s.shares[s.peers[2]], 2)
			s.mu.Unlock()
			if s.isSettled(k, s.peers[2], false) {
				t.Error("settled by its word alone")
			}
			after(3 * time.Minute)
			if !s.isSettled(k, s.peers[2], false) {
				t.Error("a share that is gone still counts")
			}
			if now := k.conducts(s.peers); !slices.Equal(now, before) {
				t.Errorf("others were audited too: %v, before %v", now, before)
			}
		})
	})
}

func TestAShareThatProvesItselfStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, testN)
		s.during(func(k *Keeper) {
			after(2 * time.Hour)
			for range 3 {
				if s.isSettled(k, s.peers[2], false) {
					t.Error("a good share does not count any more")
				}
				after(3 * time.Minute)
			}
			if s.made() > 0 || s.live() != testN {
				t.Errorf("%d rebuilt, %d live", s.made(), s.live())
			}
		})
	})
}

func TestALeavingPeersSharesAreMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 4) // two shares each
		s.during(func(k *Keeper) {
			after(2 * time.Hour)
			s.mu.Lock()
			for i := range 3 {
				s.peers = append(s.peers, wire.PeerID{byte(100 + i)})
			}
			leaver := s.peers[1]
			s.mu.Unlock()
			for minutes := 0; !s.isSettled(k, leaver, true); minutes++ {
				if minutes == 10 {
					t.Fatal("still there after ten minutes")
				}
				after(time.Minute)
			}
			if s.made() > 0 {
				t.Errorf("%d shares rebuilt that could be read", s.made())
			}
			s.kill(1)
			if s.live() != testN {
				t.Errorf("%d of %d shares without it", s.live(), testN)
			}
			after(24 * time.Hour)
			if s.made() > 0 {
				t.Errorf("%d shares rebuilt after it was gone", s.made())
			}
		})
	})
}

func TestALeavingPeerTakesNothingAndMayChangeItsMind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, testN)
		s.during(func(k *Keeper) {
			s.isSettled(k, s.peers[0], true)
			if n := len(k.candidates()); n != testN-1 {
				t.Errorf("%d peers may take shares, want all %d but the leaving one", n, testN-1)
			}
			after(leavingFor + 2*tickMax)
			if n := len(k.candidates()); n != testN {
				t.Errorf("%d peers may take shares after it said nothing more, want %d", n, testN)
			}
		})
	})
}

func TestNobodyHasHimselfAuditedWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, testN)
		s.during(func(k *Keeper) {
			n := s.said(false)
			for range 255 {
				n.Extents = append(n.Extents, n.Extents[0])
			}
			heard := 0
			for range 2 * doubtsMax / 256 {
				if _, err := k.Notice(s.peers[0], n); err == nil {
					heard += len(n.Extents)
				} else if errs.KindOf(err) != errs.Full {
					t.Fatal(err)
				}
			}
			if heard != doubtsMax {
				t.Errorf("%d heard, want %d", heard, doubtsMax)
			}
			after(doubtsEvery + 2*tickMax)
			if _, err := k.Notice(s.peers[0], n); err != nil {
				t.Errorf("an hour later: %v", err)
			}
			n.Object[0]++
			if _, err := k.Notice(s.peers[0], n); errs.KindOf(err) != errs.NotFound {
				t.Errorf("an object of somebody else's: %v", err)
			}
			if !s.isSettled(k, wire.PeerID{0xee}, true) {
				t.Error("a peer that holds nothing is needed")
			}
			n = s.said(true)
			n.Extents[0][0]++
			if needs, err := k.Notice(s.peers[0], n); err != nil || needs[0] != transfer.NotKept {
				t.Errorf("an extent of which this custodian knows nothing: %v, %v", needs, err)
			}
		})
	})
}
