package faults

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/store"
)

// holderKilled kills a holder that has signed for shares of one extent and is
// being sent those of the next.
func holderKilled(t *testing.T, c *cluster) {
	const writer, reader, victim = 0, 2, 5
	content := random(1, extentBytes+extentBytes/2)
	before := c.stored(t, victim)
	put := c.user(writer).start(t, "put", "--json", "-", "home:/holder")
	put.feed(t, content[:extentBytes])
	until(t, "the holder stores a share", func() bool { return c.stored(t, victim) > before })
	c.kill(t, victim)
	put.feed(t, content[extentBytes:])
	result := put.end(t).stored(t)
	c.user(reader).reads(t, result.Reference, content)

	wholeShares(t, c.peer(t, victim).Dir)
	c.start(t, victim)
	id := c.peer(t, victim).ID
	until(t, "the holder proves all that it signed for", func() bool {
		return proves(c.user(reader).check(t, result.Reference), id, result.Missing)
	})
}

// proves tells whether no share is gone but those that were never taken, and
// the peer holds some.
func proves(r api.CheckReport, peer string, missing int) bool {
	gone, holds := 0, false
	for _, e := range r.Extents {
		gone += e.N - e.Alive
		holds = holds || slices.Contains(e.Holders, peer)
	}
	return gone <= missing && holds
}

// wholeShares fails the test unless everything that a dead peer's directory
// holds is a whole share under a manifest. It looks at a copy, so that the peer
// itself recovers from what its death left.
func wholeShares(t *testing.T, dir string) {
	t.Helper()
	copied := t.TempDir()
	if err := copyTree(copied, os.DirFS(filepath.Join(dir, "db"))); err != nil {
		t.Fatal(err)
	}
	db, err := kv.Open(copied, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	shares, err := store.Open(db, store.Config{QuotaBytes: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	extents, err := shares.Extents(wire.ExtentID{}, 1000)
	if err != nil || len(extents) == 0 {
		t.Fatalf("the dead holder has %d extents, %v", len(extents), err)
	}
	for _, x := range extents {
		wholeExtent(t, shares, x)
	}
}

// copyTree copies files, holes as holes: a store keeps half a gigabyte of them
// before its first value.
func copyTree(to string, from fs.FS) error {
	return fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, path), 0o700)
		}
		in, err := from.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.Create(filepath.Join(to, path))
		if err != nil {
			return err
		}
		return errors.Join(copySparse(out, in), out.Close())
	})
}

// copySparse leaves out what is zero.
func copySparse(out *os.File, in io.Reader) error {
	block := make([]byte, 64<<10)
	zeros := make([]byte, len(block))
	for at := int64(0); ; {
		n, err := io.ReadFull(in, block)
		if !bytes.Equal(block[:n], zeros[:n]) {
			if _, err := out.WriteAt(block[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return out.Truncate(at)
		}
		if err != nil {
			return err
		}
	}
}

func wholeExtent(t *testing.T, shares *store.Shares, x wire.ExtentID) {
	t.Helper()
	m, err := shares.Manifest(x)
	if err != nil {
		t.Fatal(err)
	}
	indexes, err := shares.Indexes(x)
	if err != nil || len(indexes) == 0 {
		t.Errorf("extent %v without a share: %v", x, err)
	}
	for _, i := range indexes {
		var slice bytes.Buffer
		if err := shares.Slice(&slice, x, i, 0, m.ShareBytes()); err != nil {
			t.Errorf("share %d of %v: %v", i, x, err)
		} else if err := extent.CheckSlice(slice.Bytes(), m.ShareBytes(), 0, m.ShareBytes(), m.Shares[i]); err != nil {
			t.Errorf("share %d of %v: %v", i, x, err)
		}
	}
}

// writerKilled kills the peer that puts: what was there stays, what was being
// put is not there, and the same commands succeed when the peer is back.
func writerKilled(t *testing.T, c *cluster) {
	const writer, reader = 1, 3
	u := c.user(writer)
	old, content := random(2, 100_000), random(3, extentBytes+extentBytes/4)
	first := u.put(t, old, "home:/old")
	before := c.stored(t, reader)
	over, fresh := u.start(t, "put", "-", "home:/old"), u.start(t, "put", "-", "home:/new")
	fresh.feed(t, content[:1<<20])
	over.feed(t, content[:extentBytes])
	until(t, "another peer stores a share", func() bool { return c.stored(t, reader) > before })
	c.kill(t, writer)
	over.end(t).want(t, errs.NoDaemon.ExitCode())
	fresh.end(t).want(t, errs.NoDaemon.ExitCode())

	c.start(t, writer)
	if names := u.must(t, "ls", "home:"); string(names) != "old\n" {
		t.Errorf("there is\n%s", names)
	}
	u.reads(t, "home:/old", old)
	again := u.put(t, content, "home:/old")
	c.user(reader).reads(t, again.Reference, content)
	c.user(reader).reads(t, first.Pinned, old)
	c.user(reader).reads(t, u.put(t, content, "home:/new").Reference, content)
}
