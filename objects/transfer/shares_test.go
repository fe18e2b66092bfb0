package transfer

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/store"
)

// holder is the share store as this package sees it.
type holder struct{ *store.Shares }

func (h holder) Put(in Incoming) error { return h.Shares.Put(store.Incoming(in)) }

func (h holder) FreeBytes() uint64 { return h.Usage().FreeBytes }

// onDisk gives a node the real share store on a disk that can crash.
func onDisk(t *testing.T, n *node, quota uint64) (*kvtest.Memory, *store.Shares) {
	t.Helper()
	disk := kvtest.NewMemory()
	shares, err := store.Open(disk, store.Config{QuotaBytes: quota})
	if err != nil {
		t.Fatal(err)
	}
	n.server.Store = holder{shares}
	return disk, shares
}

func TestHolderKeepsWhatItSignedForWhenItCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 9)
		var disks []*kvtest.Memory
		for _, n := range w.nodes {
			disk, _ := onDisk(t, n, 1<<30)
			disks = append(disks, disk)
		}
		// Holder 3 fails to make its share durable, so it signs nothing.
		disks[3].Inject(func(int) kvtest.Fault { return kvtest.NotDone })
		c := w.upload(4, 8)
		c.Spare = w.spares(8)
		stored := w.mustPut(t, c, aFew())
		if stored.Receipts[3].Holder != w.nodes[8].peer {
			t.Errorf("share 3 is at %v", stored.Receipts[3].Holder)
		}
		for i, n := range w.nodes {
			disks[i].Crash()
			shares, err := store.Open(disks[i], store.Config{QuotaBytes: 1 << 30})
			if err != nil {
				t.Fatal(err)
			}
			n.server.Store = holder{shares}
		}
		for _, r := range stored.Receipts {
			f := w.fetcher(t, FetcherConfig{})
			if _, err := f.Probe(t.Context(), r.Holder, stored.Manifest, int(r.Share), [32]byte{r.Share}); err != nil {
				t.Errorf("share %d: %v", r.Share, err)
			}
		}
		if err := read(t, w.fetcher(t, FetcherConfig{}), stored.source(), 0, aFew()); err != nil {
			t.Error(err)
		}
	})
}

func TestHolderTellsWhyItDoesNotStoreOrServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		n := w.nodes[0]
		put := func(spoil func(*script)) *Refusal {
			s := newScript(t, w, n)
			spoil(s)
			stream, _ := w.Open(t.Context(), n.peer, ProtocolPut)
			go s.send(stream)
			reply, err := answered(stream)
			if err != nil {
				t.Fatal(err)
			}
			return reply.Refusal
		}
		onDisk(t, n, 10_000)
		if r := put(func(*script) {}); r == nil || r.Kind != RefusedFull {
			t.Errorf("over the quota: %v", r)
		}
		disk, _ := onDisk(t, n, 1<<30)
		if r := put(func(s *script) { s.fragments[1] = bytes.Repeat([]byte{1}, len(s.fragments[1])) }); r == nil || r.Kind != RefusedMalformed {
			t.Errorf("other bytes: %v", r)
		}
		disk.Fill(true)
		if r := put(func(*script) {}); r == nil || r.Kind != RefusedFull {
			t.Errorf("disk full: %v", r)
		}
		disk.Fill(false)
		disk.Inject(func(int) kvtest.Fault { return kvtest.NotDone })
		if r := put(func(*script) {}); r == nil || r.Kind != RefusedFailed || r.Text != "the store failed" {
			t.Errorf("disk on fire: %v", r)
		}
		disk.Inject(nil)
		if r := put(func(*script) {}); r != nil {
			t.Errorf("again, with the disk well: %v", r)
		}
	})
}

func TestHoldersOfTheRealStoreAreLocatedAndRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		for _, n := range w.nodes {
			onDisk(t, n, 1<<30)
		}
		stored := w.mustPut(t, w.upload(4, 12), aFew())
		f := w.fetcher(t, FetcherConfig{Locate: w.everybody})
		held := f.Holders(t.Context(), Source{Extent: stored.Manifest.ID()})
		if len(held) != 12 {
			t.Errorf("%d shares were located, want 12", len(held))
		}
		for _, h := range stored.source().Holders {
			if !slices.Contains(held, h) {
				t.Errorf("%v was not located", h)
			}
		}
		unreachable(w.nodes[1])
		if err := read(t, f, Source{Extent: stored.Manifest.ID()}, 0, aFew()); err != nil {
			t.Error(err)
		}
		if _, err := f.Manifest(t.Context(), Source{Extent: wire.ExtentID{1}}); err == nil {
			t.Error("a manifest that nobody has was found")
		}
	})
}
