package update

import "github.com/atollnet/atoll/internal/wire"

// VerifyAll is Verify for many updates, in less time: their authors' signatures
// are checked together. Updates that are nil, or that have been verified, are
// left alone. What was found is in each of them.
func VerifyAll(updates []*Signed) {
	batch := wire.NewBatch(len(updates))
	var left []*Signed
	for _, u := range updates {
		if u != nil && !u.verified {
			batch.Add(u.Author, TagUpdate, u.body, u.signature)
			left = append(left, u)
		}
	}
	good := len(left) > 1 && batch.Good()
	for _, u := range left {
		u.authentic = good
		u.Verify()
	}
}
