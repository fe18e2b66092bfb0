package filebench

import (
	"context"
	"time"

	"github.com/atollnet/atoll/testnet"
)

// sample is one measurement.
type sample struct {
	seconds float64
	cpu     CPU
	read    int64 // bytes that the user's peer read, from sockets and files
	peak    int64 // bytes, the most that the user's peer ever had resident
}

// measure runs what a user at a peer waits for. CPU time and bytes are read
// Settle later: others may still be at work when the user is served.
func (b *bench) measure(ctx context.Context, peer int, do func() error) (s sample, err error) {
	before, err := b.network.Usages()
	if err != nil {
		return s, err
	}
	began := time.Now()
	if err := do(); err != nil {
		return s, err
	}
	s.seconds = time.Since(began).Seconds()
	if err := pause(ctx, b.Settle); err != nil {
		return s, err
	}
	after, err := b.network.Usages()
	if err != nil {
		return s, err
	}
	s.cpu = spent(before, after, peer)
	s.read, s.peak = after[peer].ReadBytes-before[peer].ReadBytes, after[peer].PeakBytes
	return s, nil
}

// timed returns the seconds that something takes.
func timed(do func() error) (float64, error) {
	began := time.Now()
	err := do()
	return time.Since(began).Seconds(), err
}

// spent returns the CPU time between two looks, of a user's peer and of all
// others together.
func spent(before, after []testnet.Usage, peer int) (c CPU) {
	for i := range after {
		took := after[i].CPUSeconds - before[i].CPUSeconds
		if i == peer {
			c.Gateway = took
		} else {
			c.Others += took
		}
	}
	return c
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// samples are measurements of one thing.
type samples []sample

func (s samples) each(of func(sample) float64) (all []float64) {
	for _, one := range s {
		all = append(all, of(one))
	}
	return all
}

func (s samples) seconds() []float64 { return s.each(func(s sample) float64 { return s.seconds }) }

// per returns the CPU times for each so many bytes of those measured.
func (s samples) per(unit, bytes int64) *CPU {
	part := float64(unit) / float64(bytes)
	return &CPU{
		Gateway: part * median(s.each(func(s sample) float64 { return s.cpu.Gateway })),
		Others:  part * median(s.each(func(s sample) float64 { return s.cpu.Others })),
	}
}

// totals returns the CPU times of all peers together, for each so many bytes.
func (s samples) totals(unit, bytes int64) []float64 {
	part := float64(unit) / float64(bytes)
	return s.each(func(s sample) float64 { return part * (s.cpu.Gateway + s.cpu.Others) })
}

func (s samples) peak() []float64 {
	return s.each(func(s sample) float64 { return float64(s.peak) / (1 << 20) })
}
