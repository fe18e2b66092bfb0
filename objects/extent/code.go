package extent

import (
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/reedsolomon"
)

// Code splits blocks into fragments and joins them again. It is safe for
// concurrent use; more than one core is used by callers that work on several
// stripes at once.
type Code struct {
	k, n int
	rs   reedsolomon.Encoder // nil for k = 1, which is replication
}

// NewCode returns the code of k data and n-k parity fragments, 1 ≤ k ≤ n ≤
// wire.SharesMax. Codes are kept for the next caller.
func NewCode(k, n int) (*Code, error) {
	if err := checkCode(k, n); err != nil {
		return nil, err
	}
	return codes.get(k, n)
}

func newCode(k, n int) (*Code, error) {
	if k == 1 {
		return &Code{k: k, n: n}, nil
	}
	// The inversion cache would grow with every pattern of lost shares that
	// was ever seen; inverting takes a few microseconds.
	//
	// With one goroutine allowed, release 1.14 of the library overlooks its
	// GFNI code for more than ten inputs, which is three times as fast.
	rs, err := reedsolomon.New(k, n-k, reedsolomon.WithMaxGoroutines(2), reedsolomon.WithInversionCache(false))
	if err != nil {
		return nil, fmt.Errorf("extent: code %d of %d: %w", k, n, err)
	}
	return &Code{k: k, n: n, rs: rs}, nil
}

// Split returns the n fragments of a block, ⌈len/k⌉ bytes each. Those of the
// data alias the block as far as they lie within it, so neither may be changed
// while the other is in use; no capacity reaches beyond a fragment.
func (c *Code) Split(block []byte) ([][]byte, error) {
	if err := checkBlock(len(block)); err != nil {
		return nil, err
	}
	size := fragmentBytes(len(block), c.k)
	fragments := make([][]byte, c.n)
	if c.rs == nil {
		for i := range fragments {
			fragments[i] = slices.Clip(block)
		}
		return fragments, nil
	}
	whole := len(block) / size // data fragments that need no padding
	for i := range whole {
		fragments[i] = block[i*size : (i+1)*size : (i+1)*size]
	}
	rest := make([]byte, (c.n-whole)*size)
	copy(rest, block[whole*size:])
	place(fragments[whole:], rest, size)
	if err := c.rs.Encode(fragments); err != nil {
		return nil, fmt.Errorf("extent: encode: %w", err)
	}
	return fragments, nil
}

// place lays slots over buf, size bytes each.
func place(slots [][]byte, buf []byte, size int) {
	for i := range slots {
		slots[i] = buf[i*size : (i+1)*size : (i+1)*size]
	}
}

// Join returns the block of length bytes whose fragments these are; nil stands
// for a missing one. Which k are there makes no difference to the result, but
// the first k cost no decoding. The result may alias a fragment. Errors:
// ErrInput, ErrTooFew, ErrCoding. The caller checks the block's hash.
func (c *Code) Join(fragments [][]byte, length int) ([]byte, error) {
	if err := checkBlock(length); err != nil {
		return nil, err
	}
	size := fragmentBytes(length, c.k)
	if err := c.checkFragments(fragments, size); err != nil {
		return nil, err
	}
	if c.rs == nil {
		return firstPresent(fragments), nil
	}
	block := make([]byte, c.k*size)
	if err := c.fill(block, fragments, size); err != nil {
		return nil, err
	}
	for _, b := range block[length:] {
		if b != 0 {
			return nil, fmt.Errorf("%w: padding is not zero", ErrCoding)
		}
	}
	return slices.Clip(block[:length]), nil
}

// checkFragments insists on n slots of which at least k are filled, alike.
func (c *Code) checkFragments(fragments [][]byte, size int) error {
	if len(fragments) != c.n {
		return fmt.Errorf("%w: %d fragment slots for n=%d", ErrInput, len(fragments), c.n)
	}
	present := 0
	for i, f := range fragments {
		if f == nil {
			continue
		}
		if len(f) != size {
			return fmt.Errorf("%w: fragment %d of %d bytes, want %d", ErrInput, i, len(f), size)
		}
		present++
	}
	if present < c.k {
		return fmt.Errorf("%w: %d of %d", ErrTooFew, present, c.k)
	}
	return nil
}

// fill writes the k data fragments to block: those that are there are copied,
// those that are not are decoded in place.
func (c *Code) fill(block []byte, fragments [][]byte, size int) error {
	slots := slices.Clone(fragments)
	missing := false
	for i := range c.k {
		slot := block[i*size : (i+1)*size : (i+1)*size]
		if slots[i] == nil {
			slots[i], missing = slot[:0], true
		} else {
			copy(slot, slots[i])
		}
	}
	if !missing {
		return nil
	}
	if err := c.rs.ReconstructData(slots); err != nil {
		return fmt.Errorf("extent: decode: %w", err)
	}
	return nil
}

func firstPresent(fragments [][]byte) []byte {
	i := slices.IndexFunc(fragments, func(f []byte) bool { return f != nil })
	return slices.Clip(fragments[i])
}

// codesKeptMax bounds the codes kept: peers choose k and n, and the matrices of
// a large code take 64 KiB.
const codesKeptMax = 16

// codeCache keeps the codes used last; the one that came first goes first.
type codeCache struct {
	mu   sync.Mutex
	kept []*Code // oldest first
}

var codes codeCache

func (c *codeCache) get(k, n int) (*Code, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, code := range c.kept {
		if code.k == k && code.n == n {
			return code, nil
		}
	}
	code, err := newCode(k, n)
	if err != nil {
		return nil, err
	}
	if len(c.kept) == codesKeptMax {
		c.kept = slices.Delete(c.kept, 0, 1)
	}
	c.kept = append(c.kept, code)
	return code, nil
}
