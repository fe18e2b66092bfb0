package client_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/apitest"
	"github.com/atollnet/atoll/internal/api/client"
)

// BenchmarkPut and BenchmarkGet measure the way between peerctl and peerd
// alone: the backend throws away and makes up.
func BenchmarkPut(b *testing.B) {
	const size = 256 << 20
	c := benchClient(b, &with{put: func(_ context.Context, body io.Reader) (api.PutResult, error) {
		_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, body, make([]byte, 256<<10))
		return api.PutResult{}, err
	}})
	b.SetBytes(size)
	for b.Loop() {
		if _, err := c.Put(b.Context(), api.PutRequest{}, io.LimitReader(endless{}, size)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	const size = 256 << 20
	c := benchClient(b, &source{size: size})
	b.SetBytes(size)
	buffer := make([]byte, 256<<10)
	for b.Loop() {
		_, reader, err := c.Open(b.Context(), api.ReadRequest{})
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, reader, buffer); err != nil || n != size {
			b.Fatal(n, err)
		}
		reader.Close()
	}
}

// source has one endless file, cut at a size.
type source struct {
	*apitest.Fake
	size int64
}

func (s *source) Open(context.Context, api.ReadRequest) (api.Entry, io.ReadCloser, error) {
	return api.Entry{Kind: api.File, Size: s.size}, io.NopCloser(io.LimitReader(endless{}, s.size)), nil
}

func benchClient(b *testing.B, backend api.Backend) *client.Client {
	c := client.New(serve(b, backend), 30*time.Second)
	b.Cleanup(c.Close)
	return c
}
