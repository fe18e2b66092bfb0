package dht

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	record "github.com/libp2p/go-libp2p-record"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// A test's record is its ID, its serial number and its expiry in seconds since
// 1970.
func makeRecord(id wire.RecordID, serial uint64, expires time.Time) []byte {
	b := binary.BigEndian.AppendUint64(bytes.Clone(id[:]), serial)
	return binary.BigEndian.AppendUint64(b, uint64(expires.Unix()))
}

type testRecordRule struct{}

func (testRecordRule) Check(_ wire.RecordKind, id wire.RecordID, value []byte) error {
	if len(value) != 48 || !bytes.HasPrefix(value, id[:]) {
		return errors.New("another record's")
	}
	if s, _ := (testRecordRule{}).Stamp("", value); !time.Now().Before(s.Expires) {
		return errors.New("it has expired")
	}
	return nil
}

func (testRecordRule) Stamp(_ wire.RecordKind, value []byte) (Stamp, error) {
	if len(value) != 48 {
		return Stamp{}, errors.New("no record")
	}
	return Stamp{binary.BigEndian.Uint64(value[32:]), time.Unix(int64(binary.BigEndian.Uint64(value[40:])), 0)}, nil
}

func recordID(n int) wire.RecordID {
	return wire.RecordID(wire.Derive("atoll/v1/test", []byte{byte(n), byte(n >> 8), 2}))
}

func TestRecordsAreFoundAndNeverGoBack(t *testing.T) {
	members := startMembers(t, 5)
	writer, reader, id := members[1], members[4], recordID(1)
	later := time.Now().Add(time.Hour)
	old, fresh := makeRecord(id, 1, later), makeRecord(id, 2, later)
	if _, err := reader.Record(t.Context(), wire.RecordName, id); !errors.Is(err, ErrNotFound) {
		t.Fatalf("before it is put: %v", err)
	}
	for _, value := range [][]byte{old, fresh} {
		if n, err := writer.PutRecord(t.Context(), wire.RecordName, id, value); err != nil || n != 4 {
			t.Fatalf("put: %d confirmed, %v", n, err)
		}
		if got, err := reader.Record(t.Context(), wire.RecordName, id); err != nil || !bytes.Equal(got, value) {
			t.Fatalf("got %x, %v", got, err)
		}
	}
	if _, err := writer.PutRecord(t.Context(), wire.RecordName, id, old); !errors.Is(err, ErrOlder) {
		t.Errorf("an older one is put: %v", err)
	}
	if _, err := reader.PutRecord(t.Context(), wire.RecordName, id, old); !errors.Is(err, ErrOlder) {
		t.Errorf("an older one is put by who has only read the newer: %v", err)
	}
	if err := reader.KeepRecord(t.Context(), wire.RecordName, id, makeRecord(recordID(2), 9, later)); err == nil {
		t.Error("a record under another's key is kept")
	}
	if err := reader.KeepRecord(t.Context(), wire.RecordName, id, makeRecord(id, 9, time.Now().Add(-time.Hour))); err == nil {
		t.Error("a record that has expired is kept")
	}
}

// One who answers every question with nothing, and one who answers with an old
// record, do not keep a reader from what others have.
func TestRecordsAreFoundPastSilentPeers(t *testing.T) {
	members := startMembers(t, 4)
	id, later := recordID(1), time.Now().Add(time.Hour)
	for n, answer := range []*recpb.Record{nil, record.MakePutRecord(recordKey(wire.RecordName, id), makeRecord(id, 1, later))} {
		h, err := p2p.New(hostConfig(20 + n))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		serveRaw(h, func(q *pb.Message, s *p2p.Stream) {
			writeMessage(s, &pb.Message{Type: q.Type, Key: q.Key, Record: answer})
		})
		for _, m := range members {
			if _, err := m.host.Connect(t.Context(), h.Addresses()[0]); err != nil {
				t.Fatal(err)
			}
			m.Meet(h.Self())
		}
	}
	fresh := makeRecord(id, 2, later)
	if _, err := members[0].PutRecord(t.Context(), wire.RecordName, id, fresh); err != nil {
		t.Fatal(err)
	}
	for i, m := range members {
		if got, err := m.Record(t.Context(), wire.RecordName, id); err != nil || !bytes.Equal(got, fresh) {
			t.Errorf("member %d: %x, %v", i, got, err)
		}
	}
}

// A sweep puts records to all who are to have them, and what holders hold is put
// again when it has become old; what has expired goes.
func TestSweepsKeepRecordsStored(t *testing.T) {
	members := startMembers(t, 4)
	owner, holder := members[1], members[2]
	later := time.Now().Add(24 * time.Hour)
	var refs []Ref
	for i := range 20 {
		refs = append(refs, Ref{wire.RecordName, recordID(i)})
	}
	confirmed := 0
	value := func(r Ref) ([]byte, bool) { return makeRecord(r.ID, 1, later), r.ID != recordID(7) }
	if err := owner.Sweep(t.Context(), refs, value, func(_ Ref, n int) { confirmed += n }); err != nil {
		t.Fatal(err)
	}
	if confirmed != 19*3 {
		t.Errorf("%d confirmations of 19 records at 3 others", confirmed)
	}
	if _, ok := holder.Held(t.Context(), wire.RecordName, recordID(7)); ok {
		t.Error("what was left out was put")
	}

	// A newcomer is given what old holders hold.
	late := startMember(t, 9, nil)
	join(t, late, members[0])
	now := time.Now()
	if refs, err := holder.oldNames(t.Context(), now); err != nil || len(refs) != 0 {
		t.Errorf("%d fresh records are old, %v", len(refs), err)
	}
	if refs, err := holder.oldNames(t.Context(), now.Add(2*republishAge)); err != nil || len(refs) != 19 {
		t.Errorf("%d of 19 records are old, %v", len(refs), err)
	}
	if err := holder.republishNames(t.Context(), now.Add(2*republishAge)); err != nil {
		t.Fatal(err)
	}
	if _, ok := late.Held(t.Context(), wire.RecordName, recordID(3)); !ok {
		t.Error("the newcomer was given nothing")
	}
	if refs, err := holder.oldNames(t.Context(), now.Add(48*time.Hour)); err != nil || len(refs) != 0 || count(t, holder.table, recordPrefix(wire.RecordName)) != 0 {
		t.Errorf("%d records that have expired, %v", len(refs), err)
	}
}

// Many new records cost the lookups of a sweep; each is at all peers, and here,
// and no older one is taken afterwards.
func TestManyRecordsArePut(t *testing.T) {
	members := startMembers(t, 4)
	owner, later := members[1], time.Now().Add(24*time.Hour)
	var refs []Ref
	for i := range 100 {
		refs = append(refs, Ref{wire.RecordName, recordID(i)})
	}
	var mu sync.Mutex
	confirmed := map[wire.RecordID]int{}
	count := func(r Ref, n int) {
		mu.Lock()
		defer mu.Unlock()
		confirmed[r.ID] = n
	}
	value := func(serial uint64) func(Ref) ([]byte, bool) {
		return func(r Ref) ([]byte, bool) { return makeRecord(r.ID, serial, later), true }
	}
	if err := owner.PutRecords(t.Context(), refs, value(2), count); err != nil {
		t.Fatal(err)
	}
	for _, r := range refs {
		if confirmed[r.ID] != 3 {
			t.Errorf("%v: %d of 3 others confirmed", r, confirmed[r.ID])
		}
		for i, m := range members {
			if _, ok := m.Held(t.Context(), r.Kind, r.ID); !ok {
				t.Errorf("member %d does not hold %v", i, r)
			}
		}
	}
	members[3].host.Close() // a dead peer does not hold up each of them
	began := time.Now()
	if err := owner.PutRecords(t.Context(), refs, value(3), count); err != nil || confirmed[refs[7].ID] != 2 {
		t.Errorf("with a dead peer %d confirmed: %v", confirmed[refs[7].ID], err)
	}
	if took, one := time.Since(began), owner.messenger.limit; took > time.Duration(len(refs))*one/4 {
		t.Errorf("a dead peer held up %d records for %v", len(refs), took)
	}
	if err := owner.PutRecords(t.Context(), refs, value(1), count); !errors.Is(err, ErrOlder) {
		t.Errorf("older ones are put: %v", err)
	}
}

func TestRegions(t *testing.T) {
	var none region
	if none.covers(make([]byte, 32)) {
		t.Error("a region of nobody covers something")
	}
	at := make([]byte, 32)
	few := regionOf(at, peerIDs(3))
	if !few.covers(bytes.Repeat([]byte{0xff}, 32)) {
		t.Error("few peers are the nearest to everything")
	}
	many := regionOf(at, peerIDs(closestPeers))
	if many.bits == 0 || !many.covers(at) || many.covers(bytes.Repeat([]byte{0xff}, 32)) {
		t.Errorf("a region of %d bits", many.bits)
	}
}

func peerIDs(n int) (ids []peer.ID) {
	for i := range n {
		ids = append(ids, p2p.ToLibp2p(wire.PeerID(wire.NewKey([32]byte{byte(i), 3}).Public())))
	}
	return ids
}
