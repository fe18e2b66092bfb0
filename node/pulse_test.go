package node

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

func TestOnlyWhoWasCalledOnInVainIsSilent(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	const limit = time.Hour
	p, peer := newPulse(), wire.PeerID{1}
	if p.silent(peer, at, limit) {
		t.Error("silent before it was looked at")
	}
	if p.due(peer, at, limit/4) {
		t.Error("called on at the first look")
	}
	at = at.Add(2 * limit) // this peer slept
	if p.silent(peer, at, limit) {
		t.Error("silent although it was never called on")
	}
	if !p.due(peer, at, limit/4) || p.due(peer, at, limit/4) {
		t.Error("it is called on once")
	}
	if !p.silent(peer, at, limit) {
		t.Error("it was called on in vain and does not count as silent")
	}
	p.beat(peer, at)
	if p.silent(peer, at.Add(limit), limit) || p.due(peer, at.Add(limit/8), limit/4) {
		t.Error("after a sign of life")
	}
}

func TestThePulseOfFewPeersIsRemembered(t *testing.T) {
	p, now := newPulse(), time.Unix(1_700_000_000, 0)
	for i := range uint32(livesMax + 10) {
		var peer wire.PeerID
		binary.BigEndian.PutUint32(peer[:], i+1)
		p.beat(peer, now)
	}
	if len(p.peers) != livesMax {
		t.Errorf("%d are remembered, want %d", len(p.peers), livesMax)
	}
}
