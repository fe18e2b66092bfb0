package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// quantity is a number of bytes, written "10 GiB", "500MB" or "1048576".
type quantity uint64

var units = map[string]uint64{
	"": 1, "b": 1,
	"k": 1 << 10, "kib": 1 << 10, "kb": 1e3,
	"m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
	"g": 1 << 30, "gib": 1 << 30, "gb": 1e9,
	"t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
}

func (q *quantity) String() string { return strconv.FormatUint(uint64(*q), 10) }

func (q *quantity) Type() string { return "size" }

// Set parses a text.
func (q *quantity) Set(text string) error {
	trimmed := strings.TrimSpace(text)
	digits := strings.TrimRight(trimmed, "bBiIkKmMgGtT ")
	unit, ok := units[strings.ToLower(strings.TrimSpace(trimmed[len(digits):]))]
	n, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is no number of bytes: write 10GiB, 500MB or 1048576", text)
	}
	*q = quantity(n * unit)
	return nil
}

// UnmarshalText parses a text of the configuration file.
func (q *quantity) UnmarshalText(text []byte) error { return q.Set(string(text)) }
