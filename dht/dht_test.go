package dht

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	record "github.com/libp2p/go-libp2p-record"

	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

func TestHeadAndProvidersSurviveAThirdOfThePeers(t *testing.T) {
	members := startMembers(t, 18)
	head := makeHead(object(1), 1)
	var confirmed int
	within(t, "PutHead", busyMachine/2, func() {
		var err error
		if confirmed, err = members[3].PutHead(t.Context(), object(1), head); err != nil {
			t.Fatal(err)
		}
	})
	if confirmed < 15 {
		t.Errorf("%d of 17 others confirmed", confirmed)
	}
	for _, i := range []int{2, 3, 4} {
		if err := members[i].Provide(t.Context(), extent(1)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 6 {
		members[3*i].stop()
	}
	reader := members[17]
	within(t, "Head", busyMachine/2, func() {
		if got, err := reader.Head(t.Context(), object(1)); err != nil || !bytes.Equal(got, head) {
			t.Errorf("Head = %d bytes, %v", len(got), err)
		}
	})
	within(t, "Providers", busyMachine/2, func() {
		got, err := reader.Providers(t.Context(), extent(1), 10)
		if err != nil || !slices.Contains(got, members[2].host.Self()) || !slices.Contains(got, members[4].host.Self()) {
			t.Errorf("Providers = %v, %v", got, err)
		}
	})
	within(t, "PutHead", busyMachine/2, func() {
		if n, err := reader.PutHead(t.Context(), object(1), makeHead(object(1), 2)); err != nil || n < 10 {
			t.Errorf("PutHead with 11 other peers alive: %d confirmed, %v", n, err)
		}
	})
	if _, err := reader.Head(t.Context(), object(9)); !errors.Is(err, ErrNotFound) {
		t.Errorf("a head that nobody put: %v", err)
	}
}

func TestOlderAndForgedHeadsAreRefused(t *testing.T) {
	members := startMembers(t, 5)
	a, b := members[1], members[2]
	if n, err := a.PutHead(t.Context(), object(1), makeHead(object(1), 7)); err != nil || n != 4 {
		t.Fatalf("PutHead: %d confirmed, %v", n, err)
	}
	if _, err := a.PutHead(t.Context(), object(1), makeHead(object(1), 6)); !errors.Is(err, ErrOlder) {
		t.Errorf("an older head at the peer that put a newer one: %v", err)
	}
	key := headKey(object(1))
	for name, value := range map[string][]byte{
		"older":           makeHead(object(1), 6),
		"forged":          append(makeHead(object(1), 8), 'x'),
		"another object":  makeHead(object(2), 8),
		"oversized":       append(append(makeHead(object(1), 8), make([]byte, wire.HeadBytesMax)...), "signed"...),
		"empty":           nil,
		"shorter than it": []byte("signed"),
	} {
		if err := b.putOne(t.Context(), p2p.ToLibp2p(a.host.Self()), record.MakePutRecord(key, value)); err == nil {
			t.Errorf("%s: confirmed", name)
		}
	}
	// A peer that saw nothing yet puts an older head: those who hold the newer
	// one refuse, and tell it at its next lookup.
	c := members[4]
	if _, err := b.PutHead(t.Context(), object(1), makeHead(object(1), 5)); !errors.Is(err, ErrOlder) {
		t.Errorf("an older head at a holder of the newer one: %v", err)
	}
	if got, err := c.Head(t.Context(), object(1)); err != nil || !bytes.Equal(got, makeHead(object(1), 7)) {
		t.Errorf("Head = %x, %v", got, err)
	}
}

func TestFloorOutlivesRestartAndTable(t *testing.T) {
	store := kvtest.NewMemory()
	m := startMember(t, 1, store)
	if n, err := m.PutHead(t.Context(), object(1), makeHead(object(1), 3)); err != nil || n != 0 {
		t.Fatalf("PutHead alone: %d, %v", n, err)
	}
	m.stop()
	m = startMember(t, 1, store)
	if _, err := m.PutHead(t.Context(), object(1), makeHead(object(1), 2)); !errors.Is(err, ErrOlder) {
		t.Errorf("after a restart an older head: %v", err)
	}
	if got, err := m.Head(t.Context(), object(1)); err != nil || !bytes.Equal(got, makeHead(object(1), 3)) {
		t.Errorf("Head alone = %x, %v", got, err)
	}
	if m.RoutingTableSize() != 0 {
		t.Error("a lone peer has a routing table")
	}
	if err := m.Provide(t.Context(), extent(1)); err != nil {
		t.Errorf("Provide alone: %v", err)
	}
	if got, err := m.Providers(t.Context(), extent(1), 3); err != nil || len(got) != 0 {
		t.Errorf("Providers alone: %v, %v", got, err)
	}
}

func TestLookupMendsWhatItFindsStale(t *testing.T) {
	members := startMembers(t, headQuorum+1) // so a lookup ends when it has asked all others
	key := headKey(object(1))
	newest := makeHead(object(1), 2)
	for i, m := range members[1:] {
		rec := record.MakePutRecord(key, makeHead(object(1), 1))
		if i == 0 {
			rec = record.MakePutRecord(key, newest)
		}
		if err := m.held.Put(t.Context(), key, rec); err != nil {
			t.Fatal(err)
		}
	}
	reader := members[0]
	if got, err := reader.Head(t.Context(), object(1)); err != nil || !bytes.Equal(got, newest) {
		t.Fatalf("Head = %x, %v", got, err)
	}
	for range repairsMax { // all places are free again once the mending is done
		reader.repairs <- struct{}{}
	}
	for i, m := range members[1:] {
		if rec, err := m.held.Get(t.Context(), key); err != nil || !bytes.Equal(rec.GetValue(), newest) {
			t.Errorf("peer %d still holds %x, %v", i+1, rec.GetValue(), err)
		}
	}
}

func TestAdvertiserBringsSweepsAndNews(t *testing.T) {
	members := startMembers(t, 4)
	holder := members[1]
	holder.newsPause = time.Millisecond
	holder.Advertise(func(wire.ExtentID, int) ([]wire.ExtentID, error) { return nil, nil })
	holder.Announce(extent(5))
	ctx, cancel := context.WithTimeout(t.Context(), busyMachine)
	defer cancel()
	for {
		got, err := members[3].Providers(ctx, extent(5), 1)
		if err != nil {
			t.Fatalf("a new extent is not advertised: %v", err)
		}
		if len(got) == 1 && got[0] == holder.host.Self() {
			return
		}
	}
}

func TestSweepVisitsAllAndStartsAgain(t *testing.T) {
	var all []wire.ExtentID
	for i := range 2*sweepPageMax + 10 {
		all = append(all, wire.ExtentID{byte(i >> 8), byte(i)})
	}
	all = append(all, wire.ExtentID(bytes.Repeat([]byte{0xff}, 32)))
	fail := true
	s := sweep{list: func(from wire.ExtentID, max int) ([]wire.ExtentID, error) {
		if fail {
			fail = false
			return nil, errors.New("disk")
		}
		i, _ := slices.BinarySearchFunc(all, from, func(a, b wire.ExtentID) int { return bytes.Compare(a[:], b[:]) })
		return all[i:min(len(all), i+max)], nil
	}}
	now := time.Unix(0, 0)
	if _, ok, err := s.step(now); ok || err == nil || !s.next.After(now) {
		t.Errorf("a failed list: %v, %v, next %v", ok, err, s.next)
	}
	for round := range 2 {
		var got []wire.ExtentID
		for now = s.next; ; {
			e, ok, err := s.step(now)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				got = append(got, e)
			}
			if s.next.After(now) {
				break
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("round %d visits %d extents of %d", round, len(got), len(all))
		}
		if d := s.next.Sub(now); d < sweepInterval*3/4 || d > sweepInterval*5/4 {
			t.Errorf("round %d: next in %v", round, d)
		}
	}
}

func TestRepublishPutsOldHeadsAgain(t *testing.T) {
	members := startMembers(t, 4)
	holder := members[1]
	key := headKey(object(1))
	if err := holder.held.Put(t.Context(), key, record.MakePutRecord(key, makeHead(object(1), 1))); err != nil {
		t.Fatal(err)
	}
	if err := holder.republishRound(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if rec, _ := members[2].held.Get(t.Context(), key); rec != nil {
		t.Error("a fresh head was put again")
	}
	if err := holder.republishRound(t.Context(), time.Now().Add(2*republishAge)); err != nil {
		t.Fatal(err)
	}
	if rec, err := members[2].held.Get(t.Context(), key); err != nil || !bytes.Equal(rec.GetValue(), makeHead(object(1), 1)) {
		t.Errorf("an old head was not put again: %v", err)
	}
}
