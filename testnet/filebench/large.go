package filebench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

const gib = 1 << 30

// largeFile is one that was stored.
type largeFile struct {
	reference string
	sum       []byte
	yardstick float64 // seconds that sha256sum took
}

// largeFiles puts a file of its own in each run, so that nothing of it is
// known already, and gets it on a peer that has never seen it.
func largeFiles(ctx context.Context, b *bench) ([]Figure, error) {
	var reference []float64
	var puts, gets samples
	for run := range b.Runs {
		f, put, err := b.putLarge(ctx, run)
		if err != nil {
			return nil, err
		}
		b.large = append(b.large, f)
		get, err := b.getLarge(ctx, reader, f)
		if err != nil {
			return nil, err
		}
		reference, puts, gets = append(reference, f.yardstick), append(puts, put), append(gets, get)
	}
	figures := []Figure{seconds("sha256sum of a large file", reference, 0)}
	figures = append(figures, b.against("put", puts, 2.5, 10)...)
	return append(figures, b.against("got elsewhere", gets, 1.0, 4.5)...), nil
}

// deadPeers gets the large files again, elsewhere, when the writer and others
// are gone.
func deadPeers(ctx context.Context, b *bench) ([]Figure, error) {
	dead := make([]int, b.Dead)
	for i := range dead {
		dead[i] = writer + i
	}
	if err := b.network.Kill(dead...); err != nil {
		return nil, err
	}
	var gets samples
	for _, f := range b.large {
		get, err := b.getLarge(ctx, stranger, f)
		if err != nil {
			return nil, err
		}
		gets = append(gets, get)
	}
	return b.against(fmt.Sprintf("got with %d of %d peers dead", b.Dead, b.Peers), gets, 1.5, 0), nil
}

// against tells how long something took: by itself, against the yardstick of
// the same run, and in CPU time for each GiB.
func (b *bench) against(what string, s samples, ratioMax, cpuMax float64) []Figure {
	ratios := s.seconds()
	for i := range ratios {
		ratios[i] /= b.large[i].yardstick
	}
	times := seconds(what, s.seconds(), 0)
	times.CPU = s.per(1, 1)
	return []Figure{
		times,
		figure(what+", against sha256sum", "x", ratios, ratioMax),
		seconds(what+", CPU of all peers for each GiB", s.totals(gib, b.Bytes), cpuMax),
		figure(what+", most memory of the gateway", "MiB", s.peak(), 300),
	}
}

func (b *bench) putLarge(ctx context.Context, run int) (f largeFile, s sample, err error) {
	path := b.path("large")
	defer os.Remove(path)
	if f.sum, err = b.write(path, b.Bytes, fmt.Sprint("large ", run)); err != nil {
		return f, s, err
	}
	began := time.Now()
	if err := exec.CommandContext(ctx, "sha256sum", path).Run(); err != nil {
		return f, s, errs.New("sha256sum", path, errs.Other, err)
	}
	f.yardstick = time.Since(began).Seconds()
	s, err = b.measure(ctx, writer, func() error {
		stored, err := b.user(writer).Put(ctx, path, fmt.Sprint("home:/large", run))
		f.reference = stored.Reference
		return err
	})
	return f, s, err
}

func (b *bench) getLarge(ctx context.Context, peer int, f largeFile) (sample, error) {
	path := b.path("got")
	defer os.Remove(path)
	s, err := b.measure(ctx, peer, func() error { return b.user(peer).Get(ctx, f.reference, path) })
	if err != nil {
		return s, err
	}
	return s, sameSum(path, f.sum)
}

// write makes a file of random bytes, the same for the same seed and purpose,
// and returns its SHA-256.
func (b *bench) write(path string, size int64, purpose string) ([]byte, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(b.random(purpose), size)); err != nil {
		return nil, err
	}
	return sum.Sum(nil), f.Close()
}

// random returns the random bytes of a purpose.
func (b *bench) random(purpose string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d %s", b.Seed, purpose)))
}

func sameSum(path string, want []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	return same(path, sum.Sum(nil), want)
}

func same(what string, got, want []byte) error {
	if !bytes.Equal(got, want) {
		return errs.Newf("compare", what, errs.Damaged, "what came back is not what was stored")
	}
	return nil
}
