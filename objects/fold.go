package objects

import (
	"bytes"
	"context"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/cut"
	"github.com/atollnet/atoll/objects/update"
)

// Appended lines are short blocks, and a file of very many blocks is slow to read
// and, beyond the budget of an update, cannot be copied or deleted any more. So
// who appends folds runs of short blocks into long ones now and then, within the
// update that appends: the bytes stay what they are, and no version is made for
// it.

const (
	// foldEvery is after how many appended blocks a file is looked at: short blocks
	// and their references are read, so not for each of them.
	foldEvery = 256
	// foldBytesMax is the most that is folded at once: it travels in one update
	// with what is appended.
	foldBytesMax = 4 << 20
	// foldBlocksMax is the most blocks that are folded at once: the update has a
	// condition of some 70 bytes for each.
	foldBlocksMax = 2 * foldEvery
	// foldBesideMax is the most bytes of an append that a fold goes with.
	foldBesideMax = 1 << 20
)

// foldRuns says which runs of blocks are folded: longer than over and at most upTo
// bytes each, and so many of them. A block is folded when it is one of many like
// it, so that each byte moves a few times, however short the lines; the last kind
// is for files in which short and shorter ones take turns.
var foldRuns = []struct{ over, upTo, blocks int }{
	{0, wire.InlineBytesMax, foldEvery},
	{wire.InlineBytesMax, cut.BytesMin - 1, 32},
	{0, cut.BytesMin - 1, foldBlocksMax},
}

// fold is a run of short blocks that are to become long ones.
type fold struct {
	from, through int64
	content       []byte
	must          []update.Predicate // they are what was read
}

// fold returns a run of short blocks of a file, or nil if there is none that is
// long enough.
func (s *Snapshot) fold(ctx context.Context, file *Entry) (*fold, error) {
	var lengths []int
	for w, err := range s.refs(ctx, file, 0, file.Size, func(int64) {}) {
		if err != nil {
			return nil, err
		}
		lengths = append(lengths, int(w.ref.Length))
	}
	f := &fold{}
	if f.from, f.through = foldable(lengths); f.from == f.through {
		return nil, nil
	}
	var at int64
	for w, err := range s.refs(ctx, file, f.from, f.through, func(start int64) { at = start }) {
		if err != nil {
			return nil, err
		}
		f.must = append(f.must, update.KeyEquals(update.BlockKey(file.ID, uint64(at)), w.ref.Encode()))
	}
	var content bytes.Buffer
	err := s.ReadFile(ctx, file, f.from, f.through-f.from, &content)
	f.content = content.Bytes()
	return f, err
}

// foldable returns where the first run of blocks that is to be folded begins and
// ends; the same if there is none. A run that is as much as is folded at once need
// not have more blocks.
func foldable(lengths []int) (from, through int64) {
	for _, kind := range foldRuns {
		var start, end int64
		blocks := 0
		for _, n := range lengths {
			fits := n > kind.over && n <= kind.upTo
			full := fits && (blocks == foldBlocksMax || end+int64(n)-start > foldBytesMax)
			switch {
			case full:
				return start, end
			case fits:
				blocks++
			case blocks >= kind.blocks:
				return start, end
			default:
				start, blocks = end+int64(n), 0
			}
			end += int64(n)
		}
		if blocks >= kind.blocks {
			return start, end
		}
	}
	return 0, 0
}

// blockCount returns how many blocks a file has.
func (s *Snapshot) blockCount(ctx context.Context, file wire.NodeID) (int, error) {
	info, _, _, err := s.fileInfo(ctx, file)
	return int(info.Blocks), err
}
