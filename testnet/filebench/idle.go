package filebench

import (
	"context"
	"slices"
	"time"
)

// idlePeers watches all peers while nobody asks them for anything.
func idlePeers(ctx context.Context, b *bench) ([]Figure, error) {
	if err := pause(ctx, b.Settle); err != nil {
		return nil, err
	}
	before, err := b.network.Usages()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := pause(ctx, b.Idle); err != nil {
		return nil, err
	}
	after, err := b.network.Usages()
	if err != nil {
		return nil, err
	}
	watched := time.Since(began).Seconds()
	var memory, moved []float64
	cpu := 0.0
	for i := range after {
		memory = append(memory, float64(after[i].ResidentBytes)/(1<<20))
		moved = append(moved, float64(after[i].WrittenBytes-before[i].WrittenBytes)/watched/1000)
		cpu += after[i].CPUSeconds - before[i].CPUSeconds
	}
	return []Figure{
		figure("resident memory of an idle peer", "MiB", memory, 60),
		figure("the largest idle peer", "MiB", []float64{slices.Max(memory)}, 0),
		figure("CPU of all idle peers, of one core", "%", []float64{100 * cpu / watched}, 15),
		figure("written by an idle peer", "KB/s", moved, 2),
	}, nil
}
