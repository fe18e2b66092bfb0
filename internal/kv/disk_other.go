//go:build !linux && !darwin

package kv

import (
	"io/fs"
	"math"
)

// DiskFree does not know; a full disk then shows as a failed write.
func DiskFree(string) (uint64, error) { return math.MaxUint64, nil }

// seekHole is none that Seek knows.
const seekHole = -1

// takes returns the length of a file: it has holes as far as is known.
func takes(info fs.FileInfo) uint64 { return uint64(info.Size()) }
