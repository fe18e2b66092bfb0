package store

import (
	"sync"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

// fileNames returns the names of a store's files.
func fileNames(t testing.TB, store kv.Store) (names []string) {
	t.Helper()
	if err := store.Files().Names(func(name string) error { names = append(names, name); return nil }); err != nil {
		t.Fatal(err)
	}
	return names
}

// putInPieces stores a share as it was stored before there were files.
func putInPieces(t testing.TB, s *Shares, in Incoming) {
	t.Helper()
	c, err := s.check(in)
	if err != nil {
		t.Fatal(err)
	}
	c.record = pieced(c.record.Hash, len(in.Data))
	if err := s.keep(c); err != nil {
		t.Fatal(err)
	}
}

func TestSharesInPiecesAreReadAndBecomeFiles(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, store, Config{})
			in := large(t, 1)
			putInPieces(t, s, in)
			before := s.Usage()
			if before.FileBytes != 0 {
				t.Errorf("a share in pieces takes %d bytes of files", before.FileBytes)
			}
			before.FileBytes = filed(wire.ShareHash{}, len(in.Data)).diskBytes()
			wantShare(t, s, in)
			if files := fileNames(t, store); len(files) != 0 {
				t.Errorf("files %q of a share in pieces", files)
			}
			put(t, s, in)
			s = open(t, store, Config{})
			wantShare(t, s, in)
			if files := fileNames(t, store); len(files) != 1 || s.Usage() != before {
				t.Errorf("files %q, usage %+v, want one and %+v", files, s.Usage(), before)
			}
			err := store.View(func(r kv.Reader) error {
				for i := range 3 {
					if there, err := has(r, pieceKey(in.Manifest.ID(), in.Index, i)); there || err != nil {
						t.Errorf("piece %d is still here, %v", i, err)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFilesWithoutARecordAreRemoved(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, store, Config{})
			in, gone := large(t, 1), large(t, 2)
			put(t, s, in)
			put(t, s, gone)
			id := gone.Manifest.ID()
			if err := store.Files().Write("stray", []byte("x")); err != nil {
				t.Fatal(err)
			}
			if err := store.Update(func(w kv.Writer) error { return w.Delete(shareKey(classShare, id, gone.Index)) }); err != nil {
				t.Fatal(err)
			}
			s = open(t, store, Config{})
			want := fileName(in.Manifest.ID(), in.Index)
			if files := fileNames(t, store); len(files) != 1 || files[0] != want {
				t.Errorf("files %q, want %q alone", files, want)
			}
			wantShare(t, s, in)
		})
	}
}

func TestARefusedShareLeavesNoFile(t *testing.T) {
	store := kvtest.NewMemory()
	in := large(t, 1)
	s := open(t, store, Config{QuotaBytes: charge(uint64(len(in.Data))), ObjectBytesMax: 1 << 20})
	wantError(t, "an object above its budget", s.Put(in), ErrBudget, errs.Full)
	s = open(t, store, Config{QuotaBytes: charge(uint64(len(in.Data)))})
	put(t, s, in)
	wantError(t, "a second share", s.Put(large(t, 2)), ErrQuota, errs.Full)
	s = open(t, store, Config{})
	store.Fill(true)
	wantError(t, "a full disk", s.Put(large(t, 3)), kv.ErrFull, errs.Full)
	if files := fileNames(t, store); len(files) != 1 || len(s.arriving) != 0 {
		t.Errorf("files %q, arriving %v", files, s.arriving)
	}
	wantShare(t, s, large(t, 1))
}

func TestOneShareFromManyPutsAtOnce(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, store, Config{})
			in := large(t, 1)
			var puts sync.WaitGroup
			for i := range 8 {
				puts.Go(func() {
					mine := in
					mine.Object = wire.ObjectID{byte(i)}
					if err := s.Put(mine); err != nil {
						t.Error(err)
					}
				})
			}
			puts.Wait()
			wantShare(t, s, in)
			if files := fileNames(t, store); len(files) != 1 || len(s.arriving) != 0 || s.Usage().Shares != 1 {
				t.Errorf("files %q, arriving %v, usage %+v", files, s.arriving, s.Usage())
			}
		})
	}
}
