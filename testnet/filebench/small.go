package filebench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	smallBytes    = 1 << 10
	treeFileBytes = 4 << 10
	// treeDirFiles is how many files of a tree share a directory.
	treeDirFiles = 100
	// smallsPerRun is how many small files there are in a run: each takes little.
	smallsPerRun = 4
)

// smallFiles puts files of 1 KiB, and gets each twice on one other peer.
func smallFiles(ctx context.Context, b *bench) ([]Figure, error) {
	var puts, colds, warms []float64
	for i := range smallsPerRun * b.Runs {
		put, cold, warm, err := b.smallFile(ctx, i)
		if err != nil {
			return nil, err
		}
		puts, colds, warms = append(puts, put), append(colds, cold), append(warms, warm)
	}
	return []Figure{
		milliseconds("1 KiB put, archived", puts, 40),
		milliseconds("1 KiB got elsewhere, cold", colds, 20),
		milliseconds("1 KiB got elsewhere, warm", warms, 3),
	}, nil
}

func (b *bench) smallFile(ctx context.Context, i int) (put, cold, warm float64, err error) {
	path := b.path("small")
	if _, err = b.write(path, smallBytes, fmt.Sprint("small ", i)); err != nil {
		return put, cold, warm, err
	}
	want, err := os.ReadFile(path)
	if err != nil {
		return put, cold, warm, err
	}
	reference := ""
	stored, err := timed(func() error {
		stored, err := b.user(writer).Put(ctx, path, fmt.Sprint("home:/small", i))
		reference = stored.Reference
		return err
	})
	if err != nil {
		return put, cold, warm, err
	}
	var times [2]float64
	for k := range times {
		var got []byte
		times[k], err = timed(func() (err error) {
			got, err = b.user(reader).Run(ctx, "cat", reference)
			return err
		})
		if err = errors.Join(err, same("small file", got, want)); err != nil {
			return put, cold, warm, err
		}
	}
	return stored, times[0], times[1], nil
}

// smallTree puts trees of small files and gets each elsewhere.
func smallTree(ctx context.Context, b *bench) ([]Figure, error) {
	var puts, gets samples
	for run := range b.Runs {
		put, get, err := b.tree(ctx, run)
		if err != nil {
			return nil, err
		}
		puts, gets = append(puts, put), append(gets, get)
	}
	target := 3.0 * float64(b.Files) / 1000
	put := seconds(fmt.Sprintf("put -r of %d files of 4 KiB", b.Files), puts.seconds(), target)
	get := seconds(fmt.Sprintf("get -r of %d files of 4 KiB elsewhere", b.Files), gets.seconds(), target)
	put.CPU, get.CPU = puts.per(1, 1), gets.per(1, 1)
	return []Figure{put, get}, nil
}

func (b *bench) tree(ctx context.Context, run int) (put, get sample, err error) {
	from, to := b.path("tree"), b.path("gottree")
	defer os.RemoveAll(from)
	defer os.RemoveAll(to)
	for i := range b.Files {
		path := filepath.Join(from, fmt.Sprint(i/treeDirFiles), fmt.Sprint(i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return put, get, err
		}
		if _, err := b.write(path, treeFileBytes, fmt.Sprint("tree ", run, " ", i)); err != nil {
			return put, get, err
		}
	}
	reference := ""
	put, err = b.measure(ctx, writer, func() error {
		stored, err := b.user(writer).Put(ctx, from, fmt.Sprint("home:/tree", run), "-r")
		reference = stored.Reference
		return err
	})
	if err != nil {
		return put, get, err
	}
	get, err = b.measure(ctx, reader, func() error { return b.user(reader).Get(ctx, reference, to, "-r") })
	if err != nil {
		return put, get, err
	}
	return put, get, sameFiles(from, to)
}

// sameFiles compares the content of all regular files of a tree.
func sameFiles(want, got string) error {
	return filepath.WalkDir(want, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		below, err := filepath.Rel(want, path)
		if err != nil {
			return err
		}
		w, err := os.ReadFile(path)
		g, errGot := os.ReadFile(filepath.Join(got, below))
		if err := errors.Join(err, errGot); err != nil || bytes.Equal(w, g) {
			return err
		}
		return same(below, g, w)
	})
}
