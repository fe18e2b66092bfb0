package filebench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

const (
	rangeBytes = 64 << 10
	// rangesPerRun is how many ranges are read in a run: each takes little.
	rangesPerRun = 8
)

// firstByte asks for a whole file and stops listening after a byte of it.
func firstByte(ctx context.Context, b *bench) ([]Figure, error) {
	var all []float64
	for _, f := range b.large {
		took, err := b.untilFirst(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, took.Seconds())
	}
	return []Figure{milliseconds("first byte of a large file elsewhere", all, 60)}, nil
}

// untilFirst returns the time until peerctl cat writes something.
func (b *bench) untilFirst(ctx context.Context, f largeFile) (took time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	first := writerFunc(func([]byte) (int, error) {
		if took == 0 {
			took = time.Since(began)
			cancel()
		}
		return 0, io.ErrClosedPipe
	})
	err = b.user(stranger).RunTo(ctx, first, "cat", f.reference)
	switch {
	case took > 0:
		return took, nil
	case err == nil:
		err = errs.Newf("read first byte", f.reference, errs.Damaged, "nothing came")
	}
	return 0, err
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// randomRanges reads ranges of large files on a peer that has read nothing of
// them but their first bytes.
func randomRanges(ctx context.Context, b *bench) ([]Figure, error) {
	var all samples
	for run, f := range b.large {
		random := rand.New(b.random(fmt.Sprint("ranges ", run)))
		for range rangesPerRun {
			s, err := b.readRange(ctx, run, f, random.Int64N(b.Bytes-rangeBytes+1))
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	times := milliseconds("a range of 64 KiB elsewhere", all.seconds(), 15)
	times.CPU = all.per(1, 1)
	read := all.each(func(s sample) float64 { return float64(s.read) / rangeBytes })
	return []Figure{times, figure("a range of 64 KiB, read by the gateway for each byte asked", "x", read, 4)}, nil
}

func (b *bench) readRange(ctx context.Context, run int, f largeFile, from int64) (s sample, err error) {
	want := make([]byte, rangeBytes)
	content := b.random(fmt.Sprint("large ", run))
	if _, err := io.CopyN(io.Discard, content, from); err != nil {
		return s, err
	}
	if _, err := io.ReadFull(content, want); err != nil {
		return s, err
	}
	var got []byte
	s, err = b.measure(ctx, stranger, func() (err error) {
		got, err = b.user(stranger).Run(ctx, "get", f.reference, "-", "--range", fmt.Sprintf("%d-%d", from, from+rangeBytes-1))
		return err
	})
	return s, errors.Join(err, same("range", got, want))
}
