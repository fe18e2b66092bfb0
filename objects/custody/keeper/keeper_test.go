package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
)

const testK, testN, testThreshold = 4, 8, 6

// sea is peers, what they hold, and what a custodian may ask of them, in
// memory and virtual time.
type sea struct {
	t     *testing.T
	store *kvtest.Memory
	self  wire.PeerID

	mu         sync.Mutex
	random     io.Reader
	peers      []wire.PeerID
	dead       map[wire.PeerID]bool
	full       map[wire.PeerID]bool
	deny       map[wire.PeerID]bool // they do not want the object
	lies       map[wire.PeerID]bool
	slow       map[wire.PeerID]bool
	shares     map[wire.PeerID]map[int]bool // of the one extent
	lease      map[wire.PeerID]uint64
	manifest   *extent.Manifest
	listed     bool
	custodians []wire.PeerID
	listing    []transfer.Holding // the first holders
	rebuilt    int                // shares computed
	brought    int
	refused    int  // because a peer is full
	badly      bool // the author encoded badly
	deleted    bool // the object is
	told       map[wire.PeerID]int
	refusing   map[wire.PeerID]bool // to free what is deleted
}

func newSea(t *testing.T, peers int) *sea {
	builder, err := extent.NewBuilder(testK, testN)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := builder.Add(make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	s := &sea{
		t: t, store: kvtest.NewMemory(), self: wire.PeerID{0xff}, manifest: builder.Manifest(), listed: true,
		random: rand.NewChaCha8([32]byte{1}),
		dead:   make(map[wire.PeerID]bool), full: make(map[wire.PeerID]bool), deny: make(map[wire.PeerID]bool), lies: make(map[wire.PeerID]bool), slow: make(map[wire.PeerID]bool),
		shares: make(map[wire.PeerID]map[int]bool), lease: make(map[wire.PeerID]uint64),
		told: make(map[wire.PeerID]int), refusing: make(map[wire.PeerID]bool),
	}
	s.custodians = []wire.PeerID{s.self}
	for i := range peers {
		s.peers = append(s.peers, wire.PeerID{byte(i + 1)})
	}
	for i := range testN {
		p := s.peers[i%peers]
		s.give(p, i)
		s.listing = append(s.listing, transfer.Holding{Peer: p, Share: i})
	}
	return s
}

func (s *sea) give(p wire.PeerID, share int) {
	if s.shares[p] == nil {
		s.shares[p] = make(map[int]bool)
	}
	s.shares[p][share] = true
}

func (s *sea) kill(peers ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range peers {
		s.dead[s.peers[i]] = true
	}
}

func (s *sea) revive(peers ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range peers {
		delete(s.dead, s.peers[i])
	}
}

// live counts the distinct shares that peers that answer hold.
func (s *sea) live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	shares := make(map[int]bool)
	for p, held := range s.shares {
		for i := range held {
			if !s.dead[p] && !s.lies[p] {
				shares[i] = true
			}
		}
	}
	return len(shares)
}

// made returns how many shares were computed.
func (s *sea) made() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rebuilt
}

// moved returns how many shares were brought to new holders.
func (s *sea) moved() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.brought
}

// refusals returns how often a peer said that it is full.
func (s *sea) refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// renewed returns of how many holders the lease was renewed.
func (s *sea) renewed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lease)
}

func (s *sea) Objects() ([]wire.ObjectID, error) { return []wire.ObjectID{{7}}, nil }

func (s *sea) Changed() []wire.ObjectID { return []wire.ObjectID{{7}} }

func (s *sea) State(context.Context, wire.ObjectID) (State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := s.listed
	var deleted *transfer.Deletion
	if s.deleted {
		deleted = &transfer.Deletion{Object: wire.ObjectID{7}, Word: []byte("word")}
	}
	return State{Deleted: deleted, Mark: fmt.Sprint(listed), Custodians: s.custodians, Proof: []byte("proof"), Extents: func(_ context.Context, fn func(Extent) error) error {
		if !listed {
			return nil
		}
		return fn(Extent{Source: transfer.Source{Extent: s.manifest.ID(), Holders: s.listing}})
	}}, nil
}

func (s *sea) Candidates() (all []plan.Candidate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		if !s.dead[p] {
			all = append(all, plan.Candidate{Peer: p, Group: p.String(), FreeBytes: 1 << 30})
		}
	}
	return all
}

func (s *sea) Answers(p wire.PeerID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.dead[p]
}

func (s *sea) Manifest(context.Context, transfer.Source) (*extent.Manifest, error) {
	if s.live() == 0 {
		return nil, errors.New("nobody answers")
	}
	return s.manifest, nil
}

// Holders finds every living holder, as the DHT does.
func (s *sea) Holders(context.Context, transfer.Source) (all []transfer.Holding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, held := range s.shares {
		for i := range held {
			if !s.dead[p] {
				all = append(all, transfer.Holding{Peer: p, Share: i})
			}
		}
	}
	return all
}

func (s *sea) Rebuild(_ context.Context, source transfer.Source, wanted []int) (map[int][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := make(map[int]bool)
	for _, h := range source.Holders {
		if s.shares[h.Peer][h.Share] && !s.dead[h.Peer] && !s.lies[h.Peer] {
			have[h.Share] = true
		}
	}
	if len(have) < testK {
		return nil, errs.Newf("read extent", "", errs.TooFew, "%d shares", len(have))
	}
	if s.badly {
		return nil, transfer.ErrCoding
	}
	shares := make(map[int][]byte)
	for _, i := range wanted {
		shares[i] = []byte{byte(i)}
		s.rebuilt++
	}
	return shares, nil
}

func (s *sea) Share(_ context.Context, _ *extent.Manifest, h transfer.Holding) ([]byte, error) {
	return []byte{byte(h.Share)}, s.Audit(context.Background(), s.manifest, h, 1, [32]byte{})
}

func (s *sea) Audit(ctx context.Context, _ *extent.Manifest, h transfer.Holding, _ int, _ [32]byte) error {
	s.mu.Lock()
	slow := s.slow[h.Peer]
	s.mu.Unlock()
	if slow {
		<-ctx.Done()
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.dead[h.Peer]:
		return errors.New("connection refused")
	case s.lies[h.Peer]:
		return transfer.ErrLied
	case !s.shares[h.Peer][h.Share]:
		return &transfer.Refusal{Kind: transfer.RefusedNotFound}
	}
	return nil
}

func (s *sea) Renew(_ context.Context, _ wire.ObjectID, p wire.PeerID, _ *extent.Manifest, share int, leaseSeconds uint64, _ []byte) (r extent.SignedReceipt, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead[p] {
		return r, errors.New("connection refused")
	}
	if !s.shares[p][share] {
		return r, &transfer.Refusal{Kind: transfer.RefusedNotFound}
	}
	s.lease[p]++
	return r, nil
}

func (s *sea) Bring(_ context.Context, _ wire.ObjectID, p wire.PeerID, _ *extent.Manifest, share int, data []byte, _ uint64, proof []byte) (r extent.SignedReceipt, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.dead[p]:
		return r, errors.New("connection refused")
	case s.full[p]:
		s.refused++
		return r, &transfer.Refusal{Kind: transfer.RefusedFull}
	case s.deny[p]:
		return r, &transfer.Refusal{Kind: transfer.RefusedDenied}
	case !slices.Equal(data, []byte{byte(share)}) || string(proof) != "proof":
		s.t.Errorf("share %d was brought as %v with proof %q", share, data, proof)
	}
	s.give(p, share)
	s.brought++
	return r, nil
}

// keeper returns a custodian of the sea that has not begun.
func (s *sea) keeper() *Keeper {
	var k *Keeper
	k = New(Config{
		Self: s.self, Objects: s, Peers: s, Fetcher: s, Orders: s, Store: s.store, Random: s,
		Threshold: func(_, _ int) int {
			k.Measured() // as a planner does
			return testThreshold
		},
		DeadAfter: 12 * time.Hour, AuditEvery: 24 * time.Hour,
	})
	return k
}

// Read is the sea's randomness.
func (s *sea) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Read(b)
}

// during runs the custodian while the test plays.
func (s *sea) during(play func(k *Keeper)) {
	s.t.Helper()
	k := s.keeper()
	s.runs(k, func() { play(k) })
}

// runs is during with a custodian that is there.
func (s *sea) runs(k *Keeper, play func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- k.Run(ctx) }()
	synctest.Wait()
	play()
	cancel()
	if err := <-done; err != nil {
		s.t.Error(err)
	}
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestADeadPeersSharesAreRebuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			after(time.Hour)
			if _, audited := k.Audited(wire.ObjectID{7}, s.manifest.ID()); !audited {
				t.Error("not audited within an hour")
			}
			s.kill(0, 1)
			after(11 * time.Hour)
			if s.made() > 0 {
				t.Fatal("repaired although both may come back")
			}
			after(90 * time.Minute)
			if s.live() != testN || s.made() != 2 || s.moved() != 2 {
				t.Errorf("%d live, %d rebuilt, %d brought; want all of %d with 2 rebuilt", s.live(), s.made(), s.moved(), testN)
			}
		})
	})
}

func TestAPeerThatIsAwayForALittleCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			for range 14 { // every night, for two weeks
				s.kill(0, 1)
				after(9 * time.Hour)
				s.revive(0, 1)
				after(15 * time.Hour)
			}
			if s.made() > 0 {
				t.Errorf("%d shares were rebuilt", s.made())
			}
		})
	})
}

// What comes back counts again, once it has proved itself: the next loss costs
// no repair.
func TestReturningSharesCountAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			s.kill(0)
			after(13 * time.Hour) // one lost: above the threshold
			s.revive(0)
			after(time.Hour)
			s.kill(1)
			after(14 * time.Hour)
			if s.made() > 0 {
				t.Errorf("%d shares were rebuilt although 7 of 8 live", s.made())
			}
		})
	})
}

// A peer that comes back without its disk does not count.
func TestReturningWithoutTheSharesDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			s.kill(0)
			after(13 * time.Hour)
			s.mu.Lock()
			delete(s.shares, s.peers[0])
			s.mu.Unlock()
			s.revive(0)
			after(time.Hour)
			s.kill(1)
			after(14 * time.Hour)
			if s.live() != testN {
				t.Errorf("%d of %d shares live", s.live(), testN)
			}
		})
	})
}

func TestLiarsAreFoundAndAvoided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			s.mu.Lock()
			s.lies[s.peers[0]], s.lies[s.peers[1]] = true, true
			s.mu.Unlock()
			after(32 * time.Hour)
			if s.live() != testN || k.mayTake(s.peers[0]) || !k.mayTake(s.peers[5]) {
				t.Errorf("%d live; the liar may take shares: %v", s.live(), k.mayTake(s.peers[0]))
			}
		})
		// It is remembered over a restart.
		k := s.keeper()
		k.mu.Lock()
		defer k.mu.Unlock()
		if !k.peer(s.peers[0]).conduct.IsAvoided() {
			t.Error("the liar is forgotten")
		}
	})
}

// A holder that must fetch the bytes from others first is late; it counts as
// doubtful, and its shares are not rebuilt while enough others live.
func TestLateAnswersAreNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.slow[s.peers[0]] = true
		s.during(func(k *Keeper) {
			after(2 * time.Hour)
			k.mu.Lock()
			late := k.peers[s.peers[0]].conduct.Late
			k.mu.Unlock()
			if late == 0 || s.made() > 0 {
				t.Errorf("%d late answers, %d shares rebuilt", late, s.made())
			}
		})
	})
}

func TestSharesThatOthersPlacedAreFoundBeforeAnyIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			after(time.Hour)
			s.kill(0, 1)
			s.mu.Lock()
			s.give(s.peers[10], 0) // another custodian was faster
			s.give(s.peers[11], 1)
			s.mu.Unlock()
			after(14 * time.Hour)
			if s.made() > 0 {
				t.Errorf("%d shares were rebuilt twice", s.made())
			}
			s.kill(10)
			after(14 * time.Hour)
			if s.made() > 0 {
				t.Error("what was found is not counted")
			}
		})
	})
}

func TestCustodiansTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		other := s.keeper()
		other.Config.Self = wire.PeerID{0xfe}
		s.custodians = []wire.PeerID{{0xff}, {0xfe}}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- other.Run(ctx) }()
		s.during(func(k *Keeper) {
			after(time.Hour)
			s.kill(0, 1)
			after(20 * time.Hour)
			if s.live() != testN || s.made() != 2 {
				t.Errorf("%d live, %d rebuilt by two custodians; want 2", s.live(), s.made())
			}
		})
		cancel()
		<-done
	})
}

func TestFullPeersAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		for _, p := range s.peers[8:18] {
			s.full[p] = true
		}
		s.during(func(k *Keeper) {
			s.kill(0, 1)
			after(20 * time.Hour)
			if s.live() != testN {
				t.Errorf("%d of %d shares live; two peers have room", s.live(), testN)
			}
		})
	})
}

// Who does not want an object is no failure, however many they are.
func TestPeersThatDenyAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		for _, p := range s.peers[8:18] {
			s.deny[p] = true
		}
		s.during(func(k *Keeper) {
			s.kill(0, 1)
			after(20 * time.Hour)
			if s.live() != testN {
				t.Errorf("%d of %d shares live; two peers take them", s.live(), testN)
			}
		})
	})
}

// Peers that are full without saying so in their records are many in an old
// network. Each is asked once, and not again for every share.
func TestFullPeersAreAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 40)
		for _, p := range s.peers[8:] {
			s.full[p] = true
		}
		s.during(func(k *Keeper) {
			s.kill(0, 1)
			after(13 * time.Hour)
			if n := s.refusals(); n == 0 || n > 2*len(s.peers) {
				t.Errorf("%d refusals of %d full peers", n, len(s.full))
			}
			s.mu.Lock()
			clear(s.full) // somebody deleted much
			s.mu.Unlock()
			after(2 * time.Hour)
			if s.live() != testN {
				t.Errorf("%d of %d shares live; all peers have room again", s.live(), testN)
			}
		})
	})
}

func TestNothingIsDoneWithoutKShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			after(time.Hour)
			s.kill(0, 1, 2, 3, 4)
			after(48 * time.Hour)
			if s.made() > 0 || s.live() != 3 {
				t.Errorf("%d rebuilt from 3 shares", s.made())
			}
			s.revive(4) // one comes back after two days
			after(2 * time.Hour)
			if s.live() != testN {
				t.Errorf("%d of %d live after a share came back", s.live(), testN)
			}
		})
	})
}

func TestACustodianThatIsCutOffBlamesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			after(time.Hour)
			all := make([]int, 20)
			for i := range all {
				all[i] = i
			}
			s.kill(all...)
			after(14 * 24 * time.Hour)
			s.revive(all...)
			after(time.Hour)
			if s.made() > 0 {
				t.Errorf("%d shares were rebuilt after the cable was put back", s.made())
			}
		})
	})
}

// Silence is written down: a custodian that is started every morning finds out
// too who is gone.
func TestSilenceOutlastsARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.kill(0, 1)
		for range 3 {
			s.during(func(*Keeper) { after(5 * time.Hour) })
		}
		if s.live() != testN {
			t.Errorf("%d of %d shares live after three mornings of five hours", s.live(), testN)
		}
	})
}

func TestLeasesAreRenewedAtHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			after(44 * 24 * time.Hour)
			if n := s.renewed(); n > 0 {
				t.Errorf("%d leases were renewed before half of 90 days", n)
			}
			after(2 * 24 * time.Hour)
			if n := s.renewed(); n != testN {
				t.Errorf("%d holders got their lease renewed, want %d", n, testN)
			}
		})
	})
}

func TestSharesMoveToNewPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 3)
		s.during(func(k *Keeper) {
			after(2 * time.Hour)
			if s.moved() > 0 {
				t.Errorf("%d shares moved among three peers", s.moved())
			}
			s.mu.Lock()
			for i := range 9 {
				s.peers = append(s.peers, wire.PeerID{byte(100 + i)})
			}
			s.mu.Unlock()
			after(6 * time.Hour)
			k.mu.Lock()
			e := k.order[0]
			_, holders := k.standings(e)
			k.mu.Unlock()
			if len(plan.Crowded(testK, holders, 12)) > 0 {
				t.Errorf("still uneven: %v", holders)
			}
			if s.moved() > testN {
				t.Errorf("%d moves for %d shares", s.moved(), testN)
			}
		})
	})
}

func TestABadlyEncodedExtentIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.badly = true
		s.during(func(k *Keeper) {
			s.kill(0, 1)
			after(40 * time.Hour)
			k.mu.Lock()
			defer k.mu.Unlock()
			if !k.order[0].failed || k.queue.Len() > 0 {
				t.Error("it is tried again and again")
			}
		})
	})
}

func TestMendRebuildsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			after(time.Hour)
			s.kill(0)
			after(10 * time.Minute)
			rebuilt, err := k.Mend(t.Context(), wire.ObjectID{7}, func(_, _ int) {})
			if err != nil || rebuilt != 1 || s.live() != testN {
				t.Errorf("%d rebuilt, %v; %d of %d live", rebuilt, err, s.live(), testN)
			}
			s.kill(1, 2, 3, 4, 5)
			after(10 * time.Minute)
			if _, err := k.Mend(t.Context(), wire.ObjectID{7}, func(_, _ int) {}); errs.KindOf(err) != errs.TooFew {
				t.Errorf("with fewer than %d shares: %v", testK, err)
			}
			if _, err := k.Mend(t.Context(), wire.ObjectID{8}, func(_, _ int) {}); errs.KindOf(err) != errs.NotFound {
				t.Errorf("of another's object: %v", err)
			}
		})
	})
}

func TestWhatIsMeasuredOutlastsARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			s.kill(0, 1)
			after(9 * 24 * time.Hour)
		})
		s.during(func(k *Keeper) {
			availability, days, ok := k.Measured().Figures()
			if !ok || availability < 0.9 || days > 200 || k.Measured().Lost != 2 {
				t.Errorf("after nine days with two losses: availability %.2f, %.0f days, %v", availability, days, ok)
			}
		})
	})
}

func TestWhatIsReleasedIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSea(t, 20)
		s.during(func(k *Keeper) {
			after(time.Hour)
			if len(s.store.Keys([]byte{keyPrefix, classExtent})) != 1 {
				t.Error("no record of the extent")
			}
			s.mu.Lock()
			s.listed = false
			s.mu.Unlock()
			s.kill(0, 1)
			after(20 * time.Hour)
			if s.made() > 0 || len(s.store.Keys([]byte{keyPrefix, classExtent})) != 0 {
				t.Errorf("%d rebuilt of what is released", s.made())
			}
		})
	})
}

// A crash at each step of what is written, and a disk that fails: the repair is
// done in the end, and nothing is lost.
func TestRepairSurvivesACrashAtEachWrite(t *testing.T) {
	for step := range 12 {
		synctest.Test(t, func(t *testing.T) {
			s := newSea(t, 20)
			s.kill(0, 1)
			s.store.Inject(func(n int) kvtest.Fault {
				if n == step {
					return kvtest.Reported
				}
				return kvtest.None
			})
			s.during(func(*Keeper) { after(7 * time.Hour) })
			s.store.Inject(nil)
			s.store.Crash()
			s.during(func(*Keeper) { after(14 * time.Hour) })
			if s.live() != testN {
				t.Errorf("crash at write %d: %d of %d shares live", step, s.live(), testN)
			}
		})
	}
}
