package dht

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	record "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/atollnet/atoll/internal/p2p"
)

// More records than a peer takes at once reach it all, somewhat later.
func TestNothingIsGivenThatWouldBeRefused(t *testing.T) {
	members := startMembers(t, 2)
	to := p2p.ToLibp2p(members[1].host.Self())
	rec := record.MakePutRecord(headKey(object(1)), makeHead(object(1), 1))
	for i := range putRate.Burst + 10 {
		if err := members[0].putOne(t.Context(), to, rec); err != nil {
			t.Fatalf("put %d: %v", i, err)
		}
	}
}

func TestManyRecordsLeaveRoomForSingleOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{peers: map[peer.ID]*peerPace{}}
		at, began := p.of("a"), time.Now()
		for range givenBurst - givenReserve {
			if err := at.waitOfMany(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("a burst took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/givenPerSecond/2)
		defer cancel()
		if err := at.waitOfMany(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one more of many: %v", err)
		}
		for i := range givenReserve {
			if !at.rate.Allow() {
				t.Fatalf("single record %d has to wait", i)
			}
		}
		began = time.Now()
		if err := at.waitOfMany(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took, least := time.Since(began), givenReserve*time.Second/givenPerSecond; took < least || took > least+time.Second {
			t.Errorf("one of many waited %v after the reserve was taken, want %v", took, least)
		}
	})
}

func TestPaceForgetsWhoIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{peers: map[peer.ID]*peerPace{}}
		for i := range pacedPeersMax {
			p.of(peer.ID(rune(i))).rate.Allow()
		}
		p.of("one more").rate.Allow()
		if n := len(p.peers); n != pacedPeersMax+1 {
			t.Errorf("%d peers that were given something just now are kept, want %d", n, pacedPeersMax+1)
		}
		time.Sleep(time.Second)
		p.of("another")
		if n := len(p.peers); n != 1 {
			t.Errorf("%d peers are kept a second later, want 1", n)
		}
	})
}
