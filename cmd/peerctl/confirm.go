package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
)

// confirm asks the user, and fails unless the answer is yes. An input that ends
// before an answer means no.
func (a *app) confirm(format string, args ...any) error {
	question := fmt.Sprintf(format, args...)
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil {
		fmt.Fprintln(a.err)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errs.Hint(errs.Newf("ask", question, errs.Refused, "not confirmed"), "nothing was changed; --yes answers yes")
}
