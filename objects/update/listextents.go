package update

import (
	"bytes"
	"context"
	"iter"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// Listed is an extent of a state.
type Listed struct {
	ID wire.ExtentID
	Extent
}

// Extents yields every extent that a state knows, with its receipts, in the
// order of their names.
func Extents(ctx context.Context, r tree.Reader) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		lo, hi := prefixRange([]byte{kindExtent})
		var x Listed
		begun := false
		for e, err := range r.Scan(ctx, lo, hi) {
			if err == nil && begun && bytes.HasPrefix(e.Key, ExtentKey(x.ID)) {
				err = x.take(e.Value)
			} else if err == nil {
				if begun && !yield(x, nil) {
					return
				}
				begun = true
				err = x.begin(e)
			}
			if err != nil {
				yield(Listed{}, err)
				return
			}
		}
		if begun {
			yield(x, nil)
		}
	}
}

// begin takes the facts, whose key is the prefix of the receipts'.
func (x *Listed) begin(e tree.Entry) (err error) {
	*x = Listed{}
	if x.ID, err = ParseExtentKey(e.Key); err == nil {
		x.ExtentFacts, err = ParseExtentFacts(e.Value)
	}
	return err
}

func (x *Listed) take(value []byte) error {
	part, err := parse[receiptsPart](value)
	x.Receipts = append(x.Receipts, part.Receipts...)
	return err
}
