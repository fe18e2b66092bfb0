package objects

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/atollnet/atoll/objects/cut"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/extent"
)

// prepare does to content what a put does to it before any of it leaves: cut,
// sealed, coded 16 of 32 and hashed, in one goroutine. It returns the blocks.
func prepare(tb testing.TB, content []byte, secrets envelope.Secrets) (blocks int) {
	builder, err := extent.NewBuilder(16, 32)
	if err != nil {
		tb.Fatal(err)
	}
	c := cut.New(bytes.NewReader(content), secrets.Cut)
	for {
		plain, err := c.Next()
		if errors.Is(err, io.EOF) {
			return blocks
		}
		if err != nil {
			tb.Fatal(err)
		}
		if builder.Full() {
			if builder, err = extent.NewBuilder(16, 32); err != nil {
				tb.Fatal(err)
			}
		}
		sealed := envelope.SealBlock(nil, plain, secrets.BlockKey(plain))
		if _, _, err := builder.Add(sealed); err != nil {
			tb.Fatal(err)
		}
		blocks++
	}
}

// preparing returns random content and secrets.
func preparing(size int) ([]byte, envelope.Secrets) {
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{3}).Read(content)
	return content, envelope.NodeKey{5}.Secrets()
}

// Run with -cpu 1 for what one core does.
func BenchmarkPrepare(b *testing.B) {
	content, secrets := preparing(64 << 20)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		prepare(b, content, secrets)
	}
}
