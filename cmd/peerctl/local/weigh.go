package local

import (
	"context"

	"github.com/atollnet/atoll/internal/api"
)

// Weigh returns how many bytes the files of a tree have that is to be stored,
// without reading any. What cannot be looked at counts as nothing.
func Weigh(ctx context.Context, c SourceConfig) (bytes int64, err error) {
	c.There, c.Skip = nil, func(string, error) {}
	s, err := NewSource(c)
	if err != nil {
		return 0, err
	}
	if err := s.descend(""); err != nil {
		return 0, Failure("read", s.Root, err)
	}
	for ctx.Err() == nil {
		s.next = nil
		s.advance()
		if s.next == nil {
			return bytes, nil
		}
		bytes += s.next.Size
		if path := string(s.next.Path); s.next.Kind == api.Dir {
			if err := s.descend(path); err != nil {
				s.skip(path, err)
			}
		}
	}
	return 0, ctx.Err()
}
