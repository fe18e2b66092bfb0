// Package cut cuts files into blocks where their content says so, so that an
// insertion near the front of a large file changes a few blocks and not all
// behind it (FastCDC, normalisation 2).
//
// The gear table is derived from a secret seed, so that block lengths do not
// tell which known file was stored. It must never cut otherwise for the same
// seed and bytes: blocks that were stored would no longer be recognised. It
// reads from the reader it is given and does no other input or output.
package cut

import (
	"fmt"
	"io"
	"sync"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/fastcdc" // registers the algorithm

	"github.com/atollnet/atoll/internal/wire"
)

// Lengths of blocks, in bytes. Only the last block of a file may be shorter
// than BytesMin.
const (
	BytesMin     = 256 << 10
	BytesAverage = 512 << 10
	BytesMax     = wire.BlockBytesMax
)

const algorithm = "fastcdc-v1.0.0"

// buffers hold what a Cutter reads ahead, each twice the longest block. They
// are reused, as a tree may have a million small files.
var buffers = sync.Pool{New: func() any { return new([2 * BytesMax]byte) }}

// Cutter cuts one stream into blocks. It is used by one goroutine.
type Cutter struct {
	source  source
	buffer  *[2 * BytesMax]byte // nil once the stream has ended
	chunker *chunkers.Chunker
	err     error // how the stream ended
}

// New returns a Cutter for what r holds. The seed is a volume's Cut secret:
// tables for seeds are kept as long as the program runs (2 KiB each), so a seed
// is chosen for each volume, never for each file.
func New(r io.Reader, seed [32]byte) *Cutter {
	c := &Cutter{source: source{r: r}, buffer: buffers.Get().(*[2 * BytesMax]byte)}
	var err error
	c.chunker, err = chunkers.NewChunkerBuffer(algorithm, &c.source, &chunkers.ChunkerOpts{
		MinSize: BytesMin, NormalSize: BytesAverage, MaxSize: BytesMax, Key: seed[:],
	}, c.buffer[:])
	if err != nil {
		panic(fmt.Sprintf("cut: %v", err)) // only for options out of range
	}
	return c
}

// Next returns the next block, of 1 to BytesMax bytes, which is valid until the
// next call. After the last block it returns io.EOF; if the reader failed, its
// error and no block that the failure cut short.
func (c *Cutter) Next() ([]byte, error) {
	if c.buffer == nil {
		return nil, c.err
	}
	block, err := c.chunker.Next()
	switch {
	case c.source.err != nil:
		err = c.source.err
	case len(block) > 0:
		return block, nil // the library says io.EOF already with a short last block
	}
	return nil, c.end(err)
}

// end gives the buffer back.
func (c *Cutter) end(err error) error {
	c.err = err
	c.chunker = nil
	buffers.Put(c.buffer)
	c.buffer = nil
	return err
}

// source remembers how its reader failed: the library would cut what it has
// read as if the file ended there, and report the failure later.
type source struct {
	r   io.Reader
	err error // other than io.EOF
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
