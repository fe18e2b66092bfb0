package census

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/atollnet/atoll/internal/wire"
)

func key(n int) wire.Key { return wire.NewKey([32]byte{byte(n), byte(n >> 8), 3}) }

func peerOf(n int) wire.PeerID { return wire.PeerID(key(n).Public()) }

func recordOf(n int, seq uint64, address string) signed {
	return sign(key(n), record{
		Format: recordFormat, Peer: peerOf(n), Seq: seq, FreeBytes: 10, QuotaBytes: 20,
		Addresses: [][]byte{ma.StringCast(address).Bytes()},
	})
}

// sum recomputes the fingerprints from the entries.
func sum(t *table) (prints [bucketCount]uint64) {
	prints[bucketOf(t.self)] = t.own
	for p, e := range t.entries {
		if e.suspect.IsZero() {
			prints[bucketOf(p)] += e.print
		}
	}
	return prints
}

func TestLifeOfAPeer(t *testing.T) {
	start := time.Unix(1e6, 0)
	tab := newTable(peerOf(0))
	tab.setOwn(1)
	tab.setOwn(2)
	const here, there = "/ip4/127.1.0.1/tcp/1", "/ip4/127.1.0.1/tcp/2"
	for i, step := range []struct {
		after  time.Duration
		do     func(now time.Time) change
		want   change
		live   int
		listed int
	}{
		{0, func(now time.Time) change { return mustMerge(t, tab, recordOf(1, 5, here), false, now) }, arrived, 1, 1},
		{1, func(now time.Time) change { return mustMerge(t, tab, recordOf(1, 5, here), false, now) }, nothing, 1, 1},
		{2, func(now time.Time) change { return mustMerge(t, tab, recordOf(1, 4, there), false, now) }, nothing, 1, 1},
		{3, func(now time.Time) change { return mustMerge(t, tab, recordOf(1, 6, here), false, now) }, renewed, 1, 1},
		{4, func(now time.Time) change { return mustMerge(t, tab, recordOf(1, 7, there), false, now) }, arrived, 1, 1},
		{5, func(now time.Time) change { tab.failed(peerOf(1), false, now); return nothing }, nothing, 0, 1},
		{6, func(now time.Time) change { return mustMerge(t, tab, recordOf(1, 7, there), false, now) }, nothing, 0, 1},
		{7, func(now time.Time) change { return mustMerge(t, tab, recordOf(1, 7, there), true, now) }, arrived, 1, 1},
		{8, func(now time.Time) change { tab.failed(peerOf(1), false, now); return nothing }, nothing, 0, 1},
		{9, func(now time.Time) change { return mustMerge(t, tab, recordOf(1, 8, there), false, now) }, arrived, 1, 1},
		{10, func(now time.Time) change { tab.failed(peerOf(1), false, now); tab.age(now); return nothing }, nothing, 0, 1},
		{10 + dropAfter/time.Second + 1, func(now time.Time) change { tab.age(now); return nothing }, nothing, 0, 0},
		{11 + dropAfter/time.Second + 1, func(now time.Time) change { return mustMerge(t, tab, recordOf(1, 8, there), false, now) }, nothing, 0, 0},
		{12 + dropAfter/time.Second + 1, func(now time.Time) change { return mustMerge(t, tab, recordOf(1, 8, there), true, now) }, arrived, 1, 1},
		{14 + dropAfter/time.Second + staleAfter/time.Second, func(now time.Time) change { tab.age(now); return nothing }, nothing, 0, 0},
	} {
		if got := step.do(start.Add(step.after * time.Second)); got != step.want {
			t.Errorf("step %d: change %d, want %d", i, got, step.want)
		}
		if len(tab.live()) != step.live || len(tab.entries) != step.listed {
			t.Errorf("step %d: %d live of %d, want %d of %d", i, len(tab.live()), len(tab.entries), step.live, step.listed)
		}
		if tab.prints != sum(tab) {
			t.Errorf("step %d: the fingerprints are not those of the live peers", i)
		}
	}
}

func mustMerge(t *testing.T, tab *table, s signed, direct bool, now time.Time) change {
	t.Helper()
	what, err := tab.merge(s, direct, now)
	if err != nil {
		t.Fatal(err)
	}
	return what
}

func TestSuspectsAreTriedLessAndLess(t *testing.T) {
	tab, now := newTable(peerOf(0)), time.Unix(1e6, 0)
	mustMerge(t, tab, recordOf(1, 1, "/ip4/127.1.0.1/tcp/1"), false, now)
	tab.failed(peerOf(1), true, now)
	if !tab.entries[peerOf(1)].suspect.IsZero() {
		t.Error("a peer is suspect because it was late once")
	}
	tries := 0
	for second := range int(dropAfter / time.Second) {
		at := now.Add(time.Duration(second) * time.Second)
		if retry, _ := tab.age(at); len(retry) == 1 {
			tries++
			tab.failed(peerOf(1), true, at)
		}
	}
	if tries < 5 || tries > 20 {
		t.Errorf("a suspect was tried %d times in %v", tries, dropAfter)
	}
}

func TestTableIsBounded(t *testing.T) {
	tab, now := newTable(peerOf(0)), time.Unix(1e6, 0)
	for i := 1; i <= peersMax; i++ {
		mustMerge(t, tab, recordOf(i, 1, "/ip4/127.1.0.1/tcp/1"), i == 7, now)
	}
	if what := mustMerge(t, tab, recordOf(peersMax+1, 1, "/ip4/127.1.0.1/tcp/1"), false, now); what != nothing || len(tab.entries) != peersMax {
		t.Errorf("hearsay enters a full table: %d of %d", len(tab.entries), peersMax)
	}
	if what := mustMerge(t, tab, recordOf(peersMax+2, 1, "/ip4/127.1.0.1/tcp/1"), true, now); what != arrived || len(tab.entries) != peersMax {
		t.Errorf("a peer that came in person finds no room: %d of %d", len(tab.entries), peersMax)
	}
	tab.failed(peerOf(7), false, now)
	if what := mustMerge(t, tab, recordOf(peersMax+3, 1, "/ip4/127.1.0.1/tcp/1"), false, now); what != arrived || tab.entries[peerOf(7)] != nil {
		t.Error("a suspect does not give way")
	}
	if got := tab.records(1<<bucketCount-1, recordsMax); len(got) != recordsMax {
		t.Errorf("a full table gives %d records, want %d", len(got), recordsMax)
	}
	for p := range tab.entries {
		tab.drop(p)
	}
	if len(tab.buried) != buriedMax || tab.prints != [bucketCount]uint64{} {
		t.Errorf("%d buried, fingerprints %v", len(tab.buried), tab.prints[:3])
	}
	if got := tab.records(1<<bucketCount-1, recordsMax); len(got) != 0 {
		t.Errorf("an empty table has %d records to give", len(got))
	}
}

func TestRecordsThatAreRefused(t *testing.T) {
	good := recordOf(1, 9, "/ip4/127.1.0.1/tcp/1")
	change := func(f func(*record)) signed {
		r := good.Record
		f(&r)
		return sign(key(1), r)
	}
	forged := good
	forged.Record.FreeBytes++
	for name, s := range map[string]signed{
		"forged":           forged,
		"another's":        sign(key(2), good.Record),
		"format 2":         change(func(r *record) { r.Format = 2 }),
		"many addresses":   change(func(r *record) { r.Addresses = make([][]byte, addressesMax+1) }),
		"long address":     change(func(r *record) { r.Addresses = [][]byte{make([]byte, recordMax)} }),
		"long domain":      change(func(r *record) { r.Domain = strings.Repeat("x", labelBytesMax+1) }),
		"long software":    change(func(r *record) { r.Software = strings.Repeat("x", labelBytesMax+1) }),
		"our own, forged":  {Record: record{Format: recordFormat, Peer: peerOf(0), Seq: 1 << 63}},
		"nobody's, forged": {Record: record{Format: recordFormat, Seq: 1}},
	} {
		tab := newTable(peerOf(0))
		if what, err := tab.merge(s, true, time.Unix(1e6, 0)); !errors.Is(err, ErrRecord) || what != nothing || len(tab.entries) != 0 || tab.seen != 0 {
			t.Errorf("%s: change %d, %v", name, what, err)
		}
	}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
}

func TestGroupIsTheDomainOrTheAddressGroup(t *testing.T) {
	r := recordOf(1, 1, "/ip4/127.3.0.1/tcp/1").Record
	if g := r.group(); g != "127.3.0.0/16" {
		t.Errorf("group %q", g)
	}
	r.Domain = "cellar"
	if g := r.group(); g != "domain:cellar" {
		t.Errorf("group %q", g)
	}
	r.Domain, r.Addresses = "", [][]byte{{0xff}}
	if g := r.group(); g != "" {
		t.Errorf("group %q", g)
	}
}

func FuzzReply(f *testing.F) {
	s := recordOf(1, 9, "/ip4/127.1.0.1/tcp/1")
	f.Add(wire.Marshal(reply{Self: s, Prints: make([]uint64, bucketCount), Records: []signed{s}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r reply
		if wire.Unmarshal(b, &r, recordsBytesMax) != nil {
			return
		}
		if !bytes.Equal(wire.Marshal(r), b) {
			t.Fatalf("%x parses but encodes to %x", b, wire.Marshal(r))
		}
		tab := newTable(peerOf(0))
		for _, s := range append(r.Records, r.Self) {
			tab.merge(s, true, time.Unix(1e6, 0))
			s.Record.group()
		}
	})
}
