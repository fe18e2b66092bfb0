package dht

import (
	"bytes"
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/kv/kvtest"
)

// Some of the nearest peers do not answer for now: who waits for the head to be
// published does not wait for them, and they get it all the same.
func TestAPublishedHeadWaitsForHalfOfThePeers(t *testing.T) {
	members := startMembers(t, 9)
	writer, slow := members[0], members[6:]
	for _, m := range slow {
		m.table.mu.Lock() // it stores nothing meanwhile
	}
	p := writer.PrepareHead(t.Context(), object(1))
	head := makeHead(object(1), 1)
	confirmed, err := p.Put(head, 5)
	p.Close()
	for _, m := range slow {
		m.table.mu.Unlock()
	}
	if err != nil || confirmed != 5 {
		t.Errorf("%d peers confirmed, %v; 5 of 8 can", confirmed, err)
	}
	if got := writer.table.floor(t.Context(), object(1)); !bytes.Equal(got, head) {
		t.Errorf("the floor is %x", got)
	}
	within(t, "telling the others", busyMachine, func() {
		for _, m := range slow {
			for t.Context().Err() == nil {
				rec, err := m.held.Get(t.Context(), headKey(object(1)))
				if err == nil && bytes.Equal(rec.GetValue(), head) {
					break
				}
			}
		}
	})
}

func TestAPublishedHeadIsRefusedAndCountedAsAnother(t *testing.T) {
	members := startMembers(t, 3)
	put := func(number uint64, enough int) (int, error) {
		p := members[1].PrepareHead(t.Context(), object(1))
		defer p.Close()
		return p.Put(makeHead(object(1), number), enough)
	}
	if n, err := put(7, 2); n != 2 || err != nil {
		t.Errorf("%d of 2 peers confirmed, %v", n, err)
	}
	if _, err := put(6, 1); !errors.Is(err, ErrOlder) {
		t.Errorf("an older head: %v", err)
	}
	if n, err := put(8, 99); n != 2 || err != nil {
		t.Errorf("%d of 2 peers confirmed where 99 were wanted, %v", n, err)
	}
	alone := startMember(t, 20, kvtest.NewMemory())
	p := alone.PrepareHead(t.Context(), object(2))
	defer p.Close()
	if n, err := p.Put(makeHead(object(2), 1), 1); n != 0 || err != nil {
		t.Errorf("alone: %d peers confirmed, %v", n, err)
	}
}
