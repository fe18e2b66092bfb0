package apitest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// Append implements api.Backend. The whole lines that are there make a version.
func (f *Fake) Append(ctx context.Context, r api.AppendRequest, body io.Reader) (result api.PutResult, err error) {
	lines := bufio.NewReaderSize(body, 64<<10)
	total := int64(0)
	for first := true; ; first = false {
		text, failure := wholeLines(lines)
		if failure != nil && failure != io.EOF {
			return result, appendFailure(r.Ref, failure, total, result.Version)
		}
		if len(text) > 0 || first {
			next, err := f.extend(ctx, r, text)
			if err != nil {
				return result, appendFailure(r.Ref, err, total, result.Version)
			}
			if !first {
				next.Previous = result.Previous
			}
			result, total = next, total+int64(len(text))
		}
		if failure == io.EOF {
			result.Bytes, result.SentBytes = total, 2*total
			return result, nil
		}
	}
}

func appendFailure(ref string, err error, total int64, version uint64) error {
	if total > 0 {
		err = errs.Hint(err, "the first %d bytes are in the file, as of version %d", total, version)
	}
	return errs.Wrap("append", ref, err)
}

// wholeLines returns a line, with those that are there too.
func wholeLines(r *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		piece, err := r.ReadSlice('\n')
		text = append(text, piece...)
		if len(text) > wire.LineBytesMax {
			return nil, errs.Newf("", "", errs.Usage, "a line of more than %d bytes cannot be kept in one piece", wire.LineBytesMax)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		there, _ := r.Peek(r.Buffered())
		if more := bytes.LastIndexByte(there, '\n') + 1; err == nil && more > 0 {
			text = append(text, there[:more]...)
			_, err = r.Discard(more)
		}
		return text, err
	}
}

// extend appends text as one version.
func (f *Fake) extend(ctx context.Context, r api.AppendRequest, text []byte) (api.PutResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.resolve(r.Ref)
	if err != nil {
		return api.PutResult{}, err
	}
	n := p.nodes[p.path]
	switch {
	case p.version != p.volume.newest():
		return api.PutResult{}, errs.New("", "", errs.Usage, errors.New("an earlier version cannot be changed"))
	case p.into || n.kind == api.Dir:
		return api.PutResult{}, errs.New("", "", errs.Usage, errors.New("it is a directory"))
	case n.kind == api.Symlink:
		return api.PutResult{}, errs.New("", "", errs.Usage, errors.New("it is a link, and no file"))
	case n.kind == "":
		n = node{kind: api.File, mode: r.Mode}
	case len(text) == 0:
		return f.asItIs(p, n), nil
	}
	n.extend(text)
	n.modTime = time.Now().UTC()
	if r.Until == "" {
		r.Until = api.Ordered
	}
	return f.commit(ctx, p, r.Until, func(nodes map[string]node, version uint64) error {
		return set(nodes, p.path, n, version)
	})
}

// extend puts text at the end of what the node holds. Versions of a log that
// grew share their bytes, as they would otherwise take the square of its
// length; who extends what somebody else has extended already has bytes of his
// own from then on.
func (n *node) extend(text []byte) {
	if n.grown == nil || len(*n.grown) != len(n.content) || len(n.content) > 0 && &(*n.grown)[0] != &n.content[0] {
		own := slices.Clone(n.content)
		n.grown = &own
	}
	*n.grown = append(*n.grown, text...)
	n.content = slices.Clip(*n.grown)
}

// asItIs is what became of a change that changed nothing.
func (f *Fake) asItIs(p place, n node) api.PutResult {
	return api.PutResult{
		Reference: p.reference(), Path: p.shown(p.path), Object: p.volume.object, Version: p.version,
		Previous: n.version, State: api.Ordered, Unchanged: true,
	}
}
