//go:build !linux && !darwin

package kv

import "math"

// diskFree does not know; a full disk then shows as a failed write.
func diskFree(string) (uint64, error) { return math.MaxUint64, nil }

// seekHole is none that Seek knows.
const seekHole = -1
