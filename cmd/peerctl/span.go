package main

import (
	"fmt"
	"strconv"
	"strings"
)

// span is the value of --range: "0-99", "100-" or "-100".
type span struct {
	text   string
	given  bool
	from   int64
	length int64 // 0: to the end
	last   int64 // not 0: this many bytes at the end
}

func (s *span) String() string { return s.text }

func (s *span) Type() string { return "range" }

func (s *span) Set(text string) error {
	from, to, ok := strings.Cut(text, "-")
	n, err1 := number(from)
	m, err2 := number(to)
	if !ok || err1 != nil || err2 != nil || from == "" && m == 0 || from != "" && to != "" && m < n {
		return fmt.Errorf("%q is no range: write FROM-TO, FROM- or -LAST", text)
	}
	*s = span{text: text, given: true, from: n}
	switch {
	case from == "":
		s.last = m
	case to != "":
		s.length = m - n + 1
	}
	return nil
}

// number parses a number of bytes; none is 0.
func number(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 62)
	return int64(n), err
}
