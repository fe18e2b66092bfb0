package extent

import "github.com/atollnet/atoll/internal/wire"

// Builder makes an extent block by block. It is used by one goroutine. It
// keeps no block and no fragment: a fragment is hashed as it is made, with
// 17 KiB of state per share.
type Builder struct {
	code    *Code
	stripes []Stripe
	share   int // bytes of each
	hashers []wire.BulkHasher
	run     func(parts int, do func(part int))
	parts   int
}

// NewBuilder returns a Builder of k-of-n extents. The error matches ErrInput.
func NewBuilder(k, n int) (*Builder, error) {
	code, err := NewCode(k, n)
	if err != nil {
		return nil, err
	}
	return &Builder{code: code, hashers: make([]wire.BulkHasher, n), run: inTurn, parts: 1}, nil
}

// inTurn runs the parts on the caller's goroutine.
func inTurn(parts int, do func(part int)) {
	for i := range parts {
		do(i)
	}
}

// HashWith makes Add hash the shares in so many parts through run, which calls
// do once for each part, on whatever goroutines it likes, and returns when all
// calls have.
func (b *Builder) HashWith(parts int, run func(parts int, do func(part int))) {
	b.parts, b.run = parts, run
}

// Add appends a sealed block as the next stripe and returns its number and
// fragments, which may alias the block (see Code.Split). Errors: ErrFull,
// ErrInput; the extent is as before then.
func (b *Builder) Add(sealed []byte) (stripe int, fragments [][]byte, err error) {
	if b.Full() {
		return 0, nil, ErrFull
	}
	if fragments, err = b.code.Split(sealed); err != nil {
		return 0, nil, err
	}
	b.run(b.parts, func(part int) {
		for i := part; i < len(fragments); i += b.parts {
			b.hashers[i].Write(fragments[i])
		}
	})
	b.stripes = append(b.stripes, Stripe{Length: uint32(len(sealed)), Hash: wire.BlockHash(wire.Sum(sealed))})
	b.share += len(fragments[0])
	return len(b.stripes) - 1, fragments, nil
}

// Full reports whether the extent takes no further block.
func (b *Builder) Full() bool { return full(b.code.k, len(b.stripes), b.share) }

// Manifest returns the manifest of what was added. It panics if nothing was:
// an extent has at least one stripe.
func (b *Builder) Manifest() *Manifest {
	if len(b.stripes) == 0 {
		panic("extent: manifest of no stripes")
	}
	m := &Manifest{
		Format: FormatCurrent, K: uint8(b.code.k), N: uint8(b.code.n),
		Stripes: append([]Stripe(nil), b.stripes...),
		Shares:  make([]wire.ShareHash, b.code.n),
	}
	for i := range m.Shares {
		m.Shares[i] = b.hashers[i].Sum()
	}
	return m
}
