package testnet

import (
	"strconv"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
)

// ParseList reads a list of peers as the verbs take it, "2,3,7-9", for a
// network of n peers. The result is in the order given, each peer once. An
// empty list, a range that runs backwards and a peer that does not exist are
// errors of kind Usage.
func ParseList(list string, n int) ([]int, error) {
	var peers []int
	seen := make(map[int]bool)
	for part := range strings.SplitSeq(list, ",") {
		from, to, err := parseRange(part, n)
		if err != nil {
			return nil, err
		}
		for i := from; i <= to; i++ {
			if !seen[i] {
				seen[i] = true
				peers = append(peers, i)
			}
		}
	}
	return peers, nil
}

func parseRange(part string, n int) (from, to int, err error) {
	first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
	if from, err = parseIndex(first, n); err != nil || !isRange {
		return from, from, err
	}
	if to, err = parseIndex(last, n); err != nil {
		return 0, 0, err
	}
	if to < from {
		return 0, 0, errs.Newf("read peer list", part, errs.Usage, "the range runs backwards")
	}
	return from, to, nil
}

func parseIndex(s string, n int) (int, error) {
	i, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, errs.Hint(errs.Newf("read peer list", s, errs.Usage, "not a peer's number"),
			"a list looks like 2,3,7-9")
	}
	if int(i) >= n {
		return 0, errs.Newf("read peer list", s, errs.Usage, "there are %d peers, 0 to %d", n, n-1)
	}
	return int(i), nil
}
