package api

import (
	"errors"
	"slices"
)

// ErrSkip is returned for a Skip that is not pairs in ascending order.
var ErrSkip = errors.New("the entries to skip are not ascending pairs")

// CheckSkip refuses what cannot be a ReadRequest's Skip.
func CheckSkip(skip []int64) error {
	if len(skip)%2 != 0 || len(skip) > 0 && skip[0] < 0 || !slices.IsSorted(skip) {
		return ErrSkip
	}
	return nil
}

// Skipped reports whether entry i of a walk is left out.
func Skipped(skip []int64, i int64) bool {
	n, found := slices.BinarySearch(skip, i)
	if !found {
		return n%2 == 1
	}
	for n+1 < len(skip) && skip[n+1] == i {
		n++
	}
	return n%2 == 0
}
