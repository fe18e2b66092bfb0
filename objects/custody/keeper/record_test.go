package keeper

import (
	"bytes"
	"testing"

	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

func FuzzExtentRecord(f *testing.F) {
	f.Add(wire.Marshal(extentRecord{Format: 1, K: 16, N: 32, Audited: -5, Copies: []copyRecord{{Share: 3, Renewed: 9, Doubt: true}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseExtentRecord(b); err == nil && !bytes.Equal(wire.Marshal(r), b) {
			t.Errorf("%x encodes to %x", b, wire.Marshal(r))
		}
	})
}

func FuzzPeerRecord(f *testing.F) {
	f.Add(wire.Marshal(peerRecord{Format: 1, Silent: 100, Lied: 2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parsePeerRecord(b); err == nil && !bytes.Equal(wire.Marshal(r), b) {
			t.Errorf("%x encodes to %x", b, wire.Marshal(r))
		}
	})
}

func FuzzMeasuredRecord(f *testing.F) {
	f.Add(wire.Marshal(measuredRecord{Format: 1, Seconds: 100, Peers: 900, Answered: 800, Lost: 2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseMeasuredRecord(b); err == nil && !bytes.Equal(wire.Marshal(r), b) {
			t.Errorf("%x encodes to %x", b, wire.Marshal(r))
		}
	})
}

func TestADamagedRecordIsNone(t *testing.T) {
	store := kvtest.NewMemory()
	p := wire.PeerID{1}
	if err := write(store, peerKey(p), peerRecord{Format: 9}); err != nil {
		t.Fatal(err)
	}
	if _, found, err := read(store, peerKey(p), parsePeerRecord); found || err != nil {
		t.Errorf("a record of another format: %v, %v", found, err)
	}
	store.Rot(peerKey(p))
	if _, found, err := read(store, peerKey(p), parsePeerRecord); found || err != nil {
		t.Errorf("a record that the disk did not keep: %v, %v", found, err)
	}
	store.Close()
	if _, _, err := read(store, peerKey(p), parsePeerRecord); err == nil {
		t.Error("a closed store gave an answer")
	}
}

func FuzzBurialRecord(f *testing.F) {
	f.Add(wire.Marshal(burialRecord{Format: 1, Began: 100, Untold: []wire.PeerID{{1}, {2}}}))
	f.Add(wire.Marshal(burialRecord{Format: 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseBurialRecord(b); err == nil && !bytes.Equal(wire.Marshal(r), b) {
			t.Errorf("%x encodes to %x", b, wire.Marshal(r))
		}
	})
}
