package testnet

import (
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
)

func TestParseList(t *testing.T) {
	for _, c := range []struct {
		list string
		want []int
	}{
		{"0", []int{0}},
		{"2,3,7-9", []int{2, 3, 7, 8, 9}},
		{"9,7-9,7", []int{9, 7, 8}},
		{" 1 , 2 ", []int{1, 2}},
		{"4-4", []int{4}},
	} {
		if got, err := ParseList(c.list, 10); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("ParseList(%q) = %v, %v; want %v", c.list, got, err, c.want)
		}
	}
}

func TestParseListRefuses(t *testing.T) {
	for _, list := range []string{"", ",", "1,", "a", "-1", "1-", "3-2", "10", "0-10", "1--2", "+1", "99999999999999999999"} {
		if got, err := ParseList(list, 10); errs.KindOf(err) != errs.Usage {
			t.Errorf("ParseList(%q) = %v, %v; want an error of kind usage", list, got, err)
		}
	}
}
