package dht

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// testRule takes heads that makeHead made: object, number, mark.
type testRule struct{}

func makeHead(object wire.ObjectID, number uint64) []byte {
	return append(binary.BigEndian.AppendUint64(bytes.Clone(object[:]), number), "signed"...)
}

func (testRule) Check(object wire.ObjectID, value []byte) error {
	if !bytes.HasPrefix(value, object[:]) || !bytes.HasSuffix(value, []byte("signed")) || len(value) < 46 {
		return errors.New("forged")
	}
	return nil
}

func (testRule) Newer(_ wire.ObjectID, a, b []byte) bool {
	return bytes.Compare(a[32:40], b[32:40]) > 0
}

func object(n byte) wire.ObjectID { return wire.ObjectID(wire.Derive("atoll/v1/test", []byte{n})) }
func extent(n byte) wire.ExtentID { return wire.ExtentID(wire.Derive("atoll/v1/test", []byte{n, 1})) }

// busyMachine is longer than any pause of a loaded machine, and shorter than a
// test may take.
const busyMachine = 20 * time.Second

// member is one peer of a test network.
type member struct {
	*DHT
	host  *p2p.Host
	store kv.Store
}

func hostConfig(n int) p2p.Config {
	return p2p.Config{
		Key:    wire.NewKey([32]byte{byte(n), byte(n >> 8), 7}),
		Listen: []string{fmt.Sprintf("/ip4/127.%d.0.1/tcp/0", n+1)},
	}
}

func startMember(t testing.TB, n int, store kv.Store) *member {
	t.Helper()
	return startPatient(t, n, store, busyMachine)
}

func startPatient(t testing.TB, n int, store kv.Store, patience time.Duration) *member {
	t.Helper()
	return startWith(t, n, store, func(c *Config) { c.patience = patience })
}

func startWith(t testing.TB, n int, store kv.Store, change func(*Config)) *member {
	t.Helper()
	h, err := p2p.New(hostConfig(n))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	c := Config{
		Host: h, Store: store, Heads: testRule{}, Records: testRecordRule{}, LoopbackOK: true, patience: busyMachine, rpcLimit: busyMachine,
	}
	change(&c)
	d, err := New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return &member{d, h, store}
}

// stop ends a member as a crash does: nobody is told.
func (m *member) stop() {
	m.host.Close()
	m.DHT.Close()
}

// startMembers starts n peers that know each other.
func startMembers(t testing.TB, n int) []*member {
	t.Helper()
	return startMembersWith(t, n, func(*Config) {})
}

func startMembersWith(t testing.TB, n int, change func(*Config)) []*member {
	t.Helper()
	members := make([]*member, n)
	for i := range members {
		members[i] = startWith(t, i, kvtest.NewMemory(), change)
	}
	var joined sync.WaitGroup
	for _, m := range members[1:] {
		joined.Go(func() { join(t, m, members[0]) })
	}
	joined.Wait()
	for _, m := range members {
		for _, other := range members {
			m.host.Learn(other.host.Self(), other.host.Libp2p().Addrs())
			m.Meet(other.host.Self())
		}
	}
	for _, m := range members {
		if err := m.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	}
	return members
}

func join(t testing.TB, m, through *member) {
	t.Helper()
	if _, err := m.host.Connect(t.Context(), through.host.Addresses()[0]); err != nil {
		t.Error(err)
	}
	if err := m.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func within(t testing.TB, what string, limit time.Duration, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if d := time.Since(begin); d > limit {
		t.Errorf("%s took %v, limit %v", what, d, limit)
	}
}
