package envelope

import (
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

var sampleReference = Reference{
	Object: wire.ObjectID(wire.Sum([]byte("object"))),
	Node:   wire.NodeID{1, 2, 3},
	Key:    NodeKey(wire.Sum([]byte("key"))),
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestParseTarget(t *testing.T) {
	pet := func(name, path string, into bool, v Selector) Target {
		return Target{Kind: TargetPetname, Petname: name, Path: path, Into: into, Version: v}
	}
	dns := func(name, path string, v Selector) Target {
		return Target{Kind: TargetName, Name: name, Path: path, Version: v}
	}
	newest := Selector{}
	for _, c := range []struct {
		text      string
		want      Target
		canonical string // "" is text itself
	}{
		{"home:", pet("home", "", false, newest), ""},
		{"home:/", pet("home", "", true, newest), ""},
		{"home:/a/b.txt", pet("home", "a/b.txt", false, newest), ""},
		{"home://a/./b/", pet("home", "a/b", true, newest), "home:/a/b/"},
		{"A_1-x:/x", pet("A_1-x", "x", false, newest), ""},
		{"home:/a:b", pet("home", "a:b", false, newest), ""},
		{"home:@7", pet("home", "", false, Selector{Version: 7}), ""},
		{"home:/@7", pet("home", "", true, Selector{Version: 7}), ""},
		{"home:/a@7", pet("home", "a", false, Selector{Version: 7}), ""},
		{"home:/a@007", pet("home", "a", false, Selector{Version: 7}), "home:/a@7"},
		{"home:/a@-1", pet("home", "a", false, Selector{Back: 1}), ""},
		{"home:/a@2026-11-01T12:00Z", pet("home", "a", false, Selector{Time: at("2026-11-01T12:00:00Z")}), ""},
		{"home:/a@2026-11-01T12:00+02:00", pet("home", "a", false, Selector{Time: at("2026-11-01T10:00:00Z")}), "home:/a@2026-11-01T10:00Z"},
		{"home:/a@2026-11-01T12:00:30.5Z", pet("home", "a", false, Selector{Time: at("2026-11-01T12:00:30.5Z")}), ""},
		{"home:/a@2026-11-01", pet("home", "a", false, Selector{Time: at("2026-11-01T00:00:00Z")}), "home:/a@2026-11-01T00:00Z"},
		{"home:/a%407", pet("home", "a@7", false, newest), ""},
		{"home:/a@7@8", pet("home", "a@7", false, Selector{Version: 8}), "home:/a%407@8"},
		{"home:/100%25", pet("home", "100%", false, newest), ""},
		{"home:/%ff%0a", pet("home", "\xff\n", false, newest), "home:/%FF%0A"},
		{"docs.example.test", dns("docs.example.test", "", newest), ""},
		{"Docs.Example.TEST./a", dns("docs.example.test", "a", newest), "docs.example.test/a"},
		{"_x.example.test/a@-3", dns("_x.example.test", "a", Selector{Back: 3}), ""},
		{"docs.example.test@7", dns("docs.example.test", "", Selector{Version: 7}), ""},
	} {
		got, err := ParseTarget(c.text)
		if err != nil || got != c.want {
			t.Errorf("ParseTarget(%q) = %+v, %v, want %+v", c.text, got, err, c.want)
			continue
		}
		if c.canonical == "" {
			c.canonical = c.text
		}
		if got.String() != c.canonical {
			t.Errorf("%q prints as %q, want %q", c.text, got, c.canonical)
		}
	}
}

func TestParseTargetRefuses(t *testing.T) {
	for _, text := range []string{
		"", "home", "/a", ":", ":/a", "home:a", "home:a/b", "atoll", "atoll:", "atoll:/a", "-x:/a", "a b:/x", "hôme:/x",
		strings.Repeat("x", 64) + ":/", "home:/..", "home:/a/../b", "home:/%", "home:/%00", "home:/a\x00", "home:/" + strings.Repeat("x", 256),
		"home:/a@", "home:/a@0", "home:/a@-0", "home:/a@+7", "home:/a@7x", "home:/me@example.test", "home:/a@7.5", "home:/a@99999999999999999999",
		"home:/a@2026-11-01T12:00", "home:/a@1969-12-31T23:59Z", "home:/a@2026-13-01T12:00Z",
		"@", "@-", "@7", "docs..test/a", "docs.example.test:/a", "-x.test/a", "x-.test", strings.Repeat("x", 64) + ".test", strings.Repeat("x.", 127) + "test",
		"home:/" + strings.Repeat("x/", TargetTextMax/2),
	} {
		got, err := ParseTarget(text)
		if errs.KindOf(err) != errs.Usage || errs.HintOf(err) == "" && len(text) < TargetTextMax {
			t.Errorf("ParseTarget(%.80q) = %+v, %v, want an error of kind usage with a hint", text, got, err)
		}
	}
}

func TestReferenceRoundTrip(t *testing.T) {
	for _, path := range []string{"", "a", "a/b@c/100%", "\xff"} {
		r := sampleReference
		r.Path = path
		got, err := ParseReference(r.String())
		if err != nil || got != r {
			t.Errorf("%q becomes %+v, %v", path, got, err)
		}
	}
	pinned := sampleReference.String() + "/a/@7"
	got, err := ParseTarget(pinned)
	if err != nil || got.Reference().Path != "a" || !got.Into || got.Version.Version != 7 || got.String() != pinned {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{pinned, "home:/a", "docs.example.test"} {
		if _, err := ParseReference(text); errs.KindOf(err) != errs.Usage {
			t.Errorf("ParseReference(%q): %v", text, err)
		}
	}
}

// Every error of one character is found, and what is told of it holds no key.
func TestReferenceFindsTypingErrors(t *testing.T) {
	text := sampleReference.String()
	key := text[strings.LastIndexByte(text, '.')+1:]
	var bad []string
	for i := len(referenceScheme); i < len(text); i++ {
		for _, c := range []string{"a", "z", "2", "Q", "1", ".", "-", " ", "@", "%", "é", ""} {
			bad = append(bad, text[:i]+c+text[i+1:], text[:i]+c+text[i:])
		}
		if i > 0 {
			bad = append(bad, text[:i-1]+text[i:i+1]+text[i-1:i]+text[i+1:])
		}
	}
	bad = append(bad, strings.ToUpper(text), text[1:], "atol:"+text[6:], text[6:], "www."+text[6:], text+text, " "+text, text+".", text[:len(text)-1])
	for _, b := range bad {
		if b == text {
			continue
		}
		_, err := ParseTarget(b)
		if errs.KindOf(err) != errs.Usage {
			t.Fatalf("%q: %v", b, err)
		}
		if message := err.Error() + errs.HintOf(err); strings.Contains(message, key[20:36]) || strings.Contains(message, key[:8]) {
			t.Fatalf("%q is refused with %q", b, message)
		}
	}
	_, err := ParseTarget(strings.Replace(text, ".", ".a", 1))
	if !strings.Contains(err.Error(), ErrReference.Error()) {
		t.Errorf("the message is %q", err)
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{
		"home:/a/b@7", "home:", sampleReference.String() + "/x%40y/@-1", "docs.example.test/a@2026-11-01T12:00Z", "a:/%00", "a.b@7", "home:/a@b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTarget(text)
		if err != nil {
			if errs.KindOf(err) != errs.Usage {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		canonical := got.String()
		if len(canonical) > TargetTextMax {
			return // escaping can make it longer than what may be parsed
		}
		if again, err := ParseTarget(canonical); err != nil || again != got {
			t.Fatalf("%q is %+v, prints as %q, which is %+v, %v", text, got, canonical, again, err)
		}
	})
}
