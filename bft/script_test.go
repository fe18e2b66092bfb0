package bft_test

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/atollnet/atoll/bft/bfttest"
)

// The scripts in testdata show the protocol at work; bfttest.Script says what
// the commands are. After a change that is meant, rewrite the traces with
// go test ./bft -run TestScripts -rewrite, and read the difference.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		var s bfttest.Script
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var all strings.Builder
			for _, command := range append([]string{d.Cmd + " " + arguments(d)}, strings.Split(d.Input, "\n")...) {
				out, err := s.Do(command)
				all.WriteString(out)
				if err != nil {
					d.Fatalf(t, "%s: %v", command, err)
				}
			}
			return all.String()
		})
	})
}

func arguments(d *datadriven.TestData) string {
	words := make([]string, len(d.CmdArgs))
	for i, a := range d.CmdArgs {
		words[i] = a.String()
	}
	return strings.Join(words, " ")
}
