package main

import (
	"testing"

	"github.com/atollnet/atoll/internal/api"
)

func TestWhatSuffers(t *testing.T) {
	tree, a, b := api.CheckProblem{Path: "/", Tree: true}, api.CheckProblem{Path: "/a"}, api.CheckProblem{Path: "/b"}
	for want, problems := range map[string][]api.CheckProblem{
		"1 file suffers":                           {a, a},
		"2 files suffer":                           {a, b, a},
		"the volume's own tree suffers":            {tree, tree},
		"1 file and the volume's own tree suffer":  {tree, a, a},
		"2 files and the volume's own tree suffer": {a, tree, b},
	} {
		if got := sufferers(problems); got != want {
			t.Errorf("%v: %q, want %q", problems, got, want)
		}
	}
}
