package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/api/apitest"
)

func TestDeny(t *testing.T) {
	socket := serve(t, apitest.New())
	for _, c := range []struct {
		name, args     string
		code           int
		said, complain string
	}{
		{"nothing is denied at first", "deny --list", 0, "", ""},
		{"an object", "deny objectobject", 0, "denied: object objectobject; 3 shares dropped, 3145728 bytes freed\n", ""},
		{"an extent", "deny --extent --reason asked extentextent --json", 0, `"freed_bytes":3145728`, ""},
		{"both are listed", "deny --list", 0, "2023-11-14  object  objectobject\n2023-11-14  extent  extentextent  \"asked\"\n", ""},
		{"the same in JSON", "deny --list --json", 0, `"reason":"asked"`, ""},
		{"an extent is no object", "deny --remove extentextent", 4, "", "not denied"},
		{"one is taken back", "deny --remove --extent extentextent", 0, "not denied any more: extent extentextent\n", ""},
		{"no id", "deny", 2, "", "want one id"},
		{"two ids", "deny objectobject extentextent", 2, "", "want one id"},
		{"not an id", "deny ?", 2, "", "not an id"},
		{"a list of one", "deny --list objectobject", 2, "", "--list goes with"},
		{"a reason to remove", "deny --remove --reason x objectobject", 2, "", "--reason does not go"},
	} {
		var out, complaints bytes.Buffer
		args := append([]string{"--dir", t.TempDir()}, append(strings.Fields(c.args), "--api", socket)...)
		if code := execute(t.Context(), args, &out, &complaints); code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s", c.name, code, c.code, &complaints)
		}
		if c.said == "" && out.Len() > 0 || !strings.Contains(out.String(), c.said) || !strings.Contains(complaints.String(), c.complain) {
			t.Errorf("%s: said %q and complained %q", c.name, &out, &complaints)
		}
	}
}
