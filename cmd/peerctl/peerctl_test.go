package main

import (
	"testing"

	"github.com/atollnet/atoll/internal/api"
)

func TestDestinations(t *testing.T) {
	for arg, want := range map[string]bool{
		"home:": true, "home:/": true, "home:/a b@c": true, "a.b-c_d:/x": true, "atoll:abc.def.ghi": true, "é:/x": true,
		"home": false, "./a:b": false, "a:b": false, "a/b:/c": false, "-a:/b": false, ":": false, ":/a": false, "": false, "/x:/y": false, "@f:/": false,
	} {
		if got := isDestination(arg); got != want {
			t.Errorf("%q: %v", arg, got)
		}
	}
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]span{
		"0-0":  {from: 0, length: 1},
		"5-9":  {from: 5, length: 5},
		"7-":   {from: 7},
		"-12":  {last: 12},
		"00-1": {from: 0, length: 2},
	} {
		var s span
		want.text, want.given = text, true
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
	for _, bad := range []string{"", "-", "5", "9-5", "-0", "a-b", "1-2-3", "+1-2", " 1-2", "99999999999999999999-"} {
		if err := new(span).Set(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestSizesForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1.0 KiB", 1536: "1.5 KiB", 256 << 20: "256.0 MiB", 1 << 62: "4.0 EiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestKeysAreNotShown(t *testing.T) {
	for _, c := range []struct{ ref, shown, placed string }{
		{"home:/a", "home:/a", "home:/p"},
		{"atoll:abcdefghijkl.node.key/a/b", "atoll:abcdefgh…/a/b", "atoll:abcdefgh…/p"},
		{"atoll:abcdefghijkl.node.key", "atoll:abcdefgh…", "atoll:abcdefgh…/p"},
		{"atoll:x", "atoll:x…", "atoll:x…/p"},
	} {
		if got := shown(c.ref); got != c.shown {
			t.Errorf("%s is shown as %s", c.ref, got)
		}
		if got := placed(c.ref, "/p"); got != c.placed {
			t.Errorf("/p of %s is shown as %s", c.ref, got)
		}
	}
}

func TestModesAsText(t *testing.T) {
	for _, c := range []struct {
		kind api.Kind
		mode uint32
		want string
	}{
		{api.File, 0o644, "-rw-r--r--"}, {api.Dir, 0o1777, "drwxrwxrwt"}, {api.Dir, 0o2750, "drwxr-s---"},
		{api.File, 0o4600, "-rwS------"}, {api.Symlink, 0o777, "lrwxrwxrwx"}, {api.File, 0o1000, "---------T"},
	} {
		if got := modeText(api.Entry{Kind: c.kind, Mode: c.mode}); got != c.want {
			t.Errorf("%o: %q, want %q", c.mode, got, c.want)
		}
	}
}

func TestOutcomesSayWhatIsSo(t *testing.T) {
	for _, c := range []struct {
		r    api.PutResult
		want string
	}{
		{api.PutResult{Holders: 32, Version: 7, State: api.Archived}, "stored on 32 holders, ordered as version 7, archived"},
		{api.PutResult{Holders: 31, Version: 7, State: api.Ordered, Missing: 1}, "stored on 31 holders, ordered as version 7, 1 share has no holder yet"},
		{api.PutResult{Version: 7, State: api.Archived, Unchanged: true}, "all there already, in version 7"},
		{api.PutResult{Holders: 1, Alone: true, Version: 2, State: api.Archived}, "ordered as version 2, one copy: no other peer holds it"},
	} {
		if got := outcome(c.r); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
