package store

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
)

func TestDamageIsFoundCountedAndNeverServed(t *testing.T) {
	in := large(t, 1)
	id := in.Manifest.ID()
	remove := func(key []byte) func(*testing.T, *kvtest.Memory) {
		return func(t *testing.T, m *kvtest.Memory) {
			if err := m.Update(func(w kv.Writer) error { return w.Delete(key) }); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(key []byte, bit int) func(*testing.T, *kvtest.Memory) {
		return func(t *testing.T, m *kvtest.Memory) {
			if !m.Flip(key, bit) {
				t.Fatal("nothing to flip")
			}
		}
	}
	file := fileName(id, 1)
	change := func(change func([]byte) []byte) func(*testing.T, *kvtest.Memory) {
		return func(t *testing.T, m *kvtest.Memory) {
			if !m.ChangeFile(file, change) {
				t.Fatal("no file to change")
			}
		}
	}
	flipAt := func(at int) func([]byte) []byte { return func(b []byte) []byte { b[at] ^= 4; return b } }
	for name, damage := range map[string]func(*testing.T, *kvtest.Memory){
		"a bit of the file":       change(flipAt(12345)),
		"the file's last byte":    change(flipAt(len(in.Data) - 1)),
		"a bit of its outboard":   change(flipAt(len(in.Data) + 200)),
		"its outboard's length":   change(flipAt(len(in.Data) + 7)),
		"the file is cut":         change(func(b []byte) []byte { return b[:len(b)-1] }),
		"the file is lost":        change(func([]byte) []byte { return nil }),
		"the file cannot be read": func(_ *testing.T, m *kvtest.Memory) { m.RotFile(file) },
		"a bit of the record":     flip(shareKey(classShare, id, 1), 8*10),
		"the record's form":       flip(shareKey(classShare, id, 1), 0),
	} {
		t.Run("in a file: "+name, func(t *testing.T) { damaged(t, in, put, damage) })
	}
	for name, damage := range map[string]func(*testing.T, *kvtest.Memory){
		"a bit of the first piece": flip(pieceKey(id, 1, 0), 12345),
		"a bit of the last piece":  flip(pieceKey(id, 1, 2), 8*100),
		"a bit of the outboard":    flip(shareKey(classOutboard, id, 1), 8*200),
		"the outboard's length":    flip(shareKey(classOutboard, id, 1), 63),
		"a bit of the record":      flip(shareKey(classShare, id, 1), 8*10),
		"the record's form":        flip(shareKey(classShare, id, 1), 0),
		"a piece is lost":          remove(pieceKey(id, 1, 1)),
		"the outboard is lost":     remove(shareKey(classOutboard, id, 1)),
		"a piece cannot be read":   func(_ *testing.T, m *kvtest.Memory) { m.Rot(pieceKey(id, 1, 1)) },
		"the outboard is a piece": func(t *testing.T, m *kvtest.Memory) {
			kvtest.Set(t, m, string(shareKey(classOutboard, id, 1)), string(in.Data[:1<<20]))
		},
		"a piece is cut": func(t *testing.T, m *kvtest.Memory) { kvtest.Set(t, m, string(pieceKey(id, 1, 1)), "short") },
	} {
		t.Run("in pieces: "+name, func(t *testing.T) { damaged(t, in, putInPieces, damage) })
	}
}

// damaged puts a share, damages it, and expects that this is found and mended.
func damaged(t *testing.T, in Incoming, putFirst func(testing.TB, *Shares, Incoming), damage func(*testing.T, *kvtest.Memory)) {
	store, id := kvtest.NewMemory(), in.Manifest.ID()
	s := open(t, store, Config{})
	putFirst(t, s, in)
	damage(t, store)
	for range 2 {
		var w bytes.Buffer
		wantError(t, "slice", s.Slice(&w, id, 1, 0, len(in.Data)), ErrDamaged, errs.Damaged)
		if w.Len() != 0 {
			t.Errorf("%d bytes were served", w.Len())
		}
	}
	for _, s := range []*Shares{s, open(t, store, Config{})} {
		if indexes, err := s.Indexes(id); err != nil || len(indexes) != 0 {
			t.Errorf("indexes %v, error %v", indexes, err)
		}
		if s.Usage().Damaged != 1 {
			t.Errorf("%d damaged, want 1", s.Usage().Damaged)
		}
	}
	put(t, s, in)
	wantShare(t, s, in)
	if reopened := open(t, store, Config{}); s.Usage() != reopened.Usage() || s.Usage().Damaged != 0 || s.Usage().Shares != 1 {
		t.Errorf("usage %+v after it was mended, %+v when opened again", s.Usage(), reopened.Usage())
	}
}

func TestDamagedManifestIsNotServed(t *testing.T) {
	for name, damage := range map[string]func(*kvtest.Memory, []byte) bool{
		"flipped": func(m *kvtest.Memory, key []byte) bool { return m.Flip(key, 100) },
		"rotten":  func(m *kvtest.Memory, key []byte) bool { m.Rot(key); return true },
	} {
		store := kvtest.NewMemory()
		s := open(t, store, Config{})
		in := small(t, 1)
		put(t, s, in)
		if !damage(store, manifestKey(in.Manifest.ID())) {
			t.Fatal("nothing was damaged")
		}
		_, err := s.Manifest(in.Manifest.ID())
		wantError(t, name, err, ErrDamaged, errs.Damaged)
		put(t, s, in)
		wantShare(t, s, in)
	}
}

// A reader that met damage may condemn the share only after a put has mended
// it.
func TestMendedShareIsNotCondemned(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	in := small(t, 1)
	put(t, s, in)
	if err := s.condemn(in.Manifest.ID(), in.Index); err != nil {
		t.Fatal(err)
	}
	wantShare(t, s, in)
	if s.Usage().Damaged != 0 {
		t.Errorf("usage %+v", s.Usage())
	}
}

func TestRecordsRefuse(t *testing.T) {
	good := pieced([32]byte{1}, 2_000_000)
	for name, r := range map[string]record{
		"pieces of file": {Format: 2, Hash: good.Hash, Bytes: good.Bytes, PieceBytes: good.PieceBytes},
		"another format": {Format: 3, Hash: good.Hash, Bytes: good.Bytes, PieceBytes: good.PieceBytes},
		"no bytes":       {Format: 1, Hash: good.Hash, PieceBytes: good.PieceBytes},
		"no pieces":      {Format: 1, Hash: good.Hash, Bytes: good.Bytes},
		"too many bytes": {Format: 1, Hash: good.Hash, Bytes: 1 << 40, PieceBytes: good.PieceBytes},
	} {
		if _, err := parseRecord(encode(r)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := parseLease(encode(lease{Format: 2, Bytes: 1})); err == nil {
		t.Error("a lease of another format was accepted")
	}
}

func TestPieces(t *testing.T) {
	for _, tc := range []struct{ bytes, pieces, size int }{
		{1, 1, 16 << 10}, {16 << 10, 1, 16 << 10}, {1 << 20, 1, 1 << 20}, {1<<20 + 1, 2, 528 << 10},
		{2 << 20, 2, 1 << 20}, {2<<20 + 32, 3, 688 << 10}, {4 << 20, 4, 1 << 20},
	} {
		r := pieced([32]byte{}, tc.bytes)
		if r.pieces() != tc.pieces || int(r.PieceBytes) != tc.size {
			t.Errorf("%d bytes: %d pieces of %d, want %d of %d", tc.bytes, r.pieces(), r.PieceBytes, tc.pieces, tc.size)
		}
		end := 0
		for i := range r.pieces() {
			from, to := r.piece(i)
			if from != end || to <= from {
				t.Errorf("%d bytes: piece %d is [%d, %d)", tc.bytes, i, from, to)
			}
			end = to
		}
		if end != tc.bytes {
			t.Errorf("%d bytes: pieces end at %d", tc.bytes, end)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add(encode(newRecord([32]byte{1}, 2_000_000)))
	f.Add(encode(newRecord([32]byte{1}, 2_000)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		if !bytes.Equal(encode(r), b) {
			t.Fatal("parses but encodes to other bytes")
		}
		if n := r.pieces(); r.inFile() == (n > 0) || n > 4 {
			t.Fatal(fmt.Sprint(n, " pieces"))
		}
	})
}

func FuzzParseLease(f *testing.F) {
	f.Add(encode(lease{Format: formatCurrent, Bytes: 5, Seconds: 7, Until: 9}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := parseLease(b); err == nil && !bytes.Equal(encode(l), b) {
			t.Fatal("parses but encodes to other bytes")
		}
	})
}
