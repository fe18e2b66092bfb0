package envelope

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// TargetKind says how a Target names what it names.
type TargetKind uint8

// The kinds of targets.
const (
	TargetPetname   TargetKind = iota + 1 // `home:/path`
	TargetReference                       // `atoll:OBJECT.NODE.KEY/path`
	TargetName                            // `docs.example.test/path`, a DNS name
)

// Target is a parsed REF: what a user names on a command line.
type Target struct {
	Kind    TargetKind
	Petname string        // of TargetPetname
	Object  wire.ObjectID // of TargetReference
	Node    wire.NodeID   // of TargetReference
	Key     NodeKey       // of TargetReference
	Name    string        // of TargetName: lower case, without the final dot
	Path    string        // decoded and clean (CleanPath); "" is the root
	Into    bool          // the path ended in a slash: a directory is meant
	Version Selector
}

// TargetTextMax is the most bytes of a REF's text.
const TargetTextMax = 64 << 10

// Reference returns the reference of a TargetReference, without its version.
func (t Target) Reference() Reference {
	return Reference{Object: t.Object, Node: t.Node, Key: t.Key, Path: t.Path}
}

// String returns the canonical text, from which ParseTarget makes an equal
// Target. That of a TargetReference holds the key.
func (t Target) String() string {
	return t.root() + pathText(t.Path, t.Into) + t.Version.String()
}

func (t Target) root() string {
	switch t.Kind {
	case TargetPetname:
		return t.Petname + ":"
	case TargetReference:
		return t.Reference().root()
	default:
		return t.Name
	}
}

func pathText(path string, into bool) string {
	text := EncodePath(path)
	if path != "" {
		text = "/" + text
	}
	if into {
		text += "/"
	}
	return text
}

// ParseTarget parses a REF. A version is what follows the last `@`; a path that
// holds an `@` writes it %40. All errors are of kind Usage, with a hint, and
// none repeats a key.
func ParseTarget(text string) (Target, error) {
	subject := subjectOf(text)
	if len(text) > TargetTextMax {
		return Target{}, usage(subject, fmt.Errorf("it has %d bytes, at most %d are allowed", len(text), TargetTextMax))
	}
	rest, version, err := splitVersion(text)
	if err != nil {
		return Target{}, errs.Hint(usage(subject, err),
			"a version is a number (@7), counts back (@-1) or is a time (@2026-11-01T12:00Z); in a path write @ as %%40")
	}
	root, path := splitPath(rest)
	t, err := parseTargetRoot(root)
	if err != nil {
		return Target{}, errs.Hint(usage(subject, err), "%s", rootHint(err))
	}
	t.Version = version
	if path, err = DecodePath(path); err == nil {
		t.Path, t.Into, err = CleanPath(path)
	}
	if err != nil {
		return Target{}, errs.Hint(usage(subject, err), "a path is names joined by /; %%XX stands for any byte")
	}
	return t, nil
}

// subjectOf is what messages say of a REF: its beginning, in which no key can
// stand, as the key comes after at least 80 characters of identifiers.
func subjectOf(text string) string {
	if strings.HasPrefix(text, referenceScheme) {
		return referenceScheme + "…"
	}
	return strings.Trim(strconv.Quote(clip(text, 40)), `"`)
}

func splitVersion(text string) (rest string, s Selector, err error) {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text, s, nil
	}
	s, err = parseSelector(text[at+1:])
	return text[:at], s, err
}

// splitPath cuts at the first slash, which stays with the path.
func splitPath(text string) (root, path string) {
	if i := strings.IndexByte(text, '/'); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

var (
	errNoTarget = errors.New("it names nothing")
	errColon    = errors.New("the path after a petname begins with a slash")
)

func rootHint(err error) string {
	if errors.Is(err, ErrReference) {
		return "copy the reference again, whole: a character is wrong, missing or too many"
	}
	return "write PETNAME:/path (home:/ is your own volume), atoll:OBJECT.NODE.KEY/path or a DNS name"
}

func parseTargetRoot(root string) (Target, error) {
	if body, found := strings.CutPrefix(root, referenceScheme); found {
		r, err := parseRoot(body)
		return Target{Kind: TargetReference, Object: r.Object, Node: r.Node, Key: r.Key}, err
	}
	petname, after, found := strings.Cut(root, ":")
	if !found {
		name, err := parseName(root)
		return Target{Kind: TargetName, Name: name}, err
	}
	if after != "" {
		return Target{}, errColon
	}
	return Target{Kind: TargetPetname, Petname: petname}, CheckPetname(petname)
}

var petnameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// CheckPetname tells whether s can name a volume locally: 1 to 63 letters,
// digits, hyphens and underscores, the first a letter or digit, and not the
// scheme of references. The error matches ErrPetname.
func CheckPetname(s string) error {
	if !petnameForm.MatchString(s) || s+":" == referenceScheme {
		return fmt.Errorf("%w: up to 63 letters, digits, - and _", ErrPetname)
	}
	return nil
}

var (
	labelForm = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)
	// rootForm is a reference that lost its scheme. Taken for a DNS name it
	// would carry its key to name servers.
	rootForm = regexp.MustCompile(`(^|\.)[a-z2-7]{48,56}\.[a-z2-7]{22,30}\.[a-z2-7]{54,62}$`)
)

const dnsNameMax = 253

// parseName recognises a DNS name of two labels or more and brings it to lower
// case without a final dot.
func parseName(text string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(text, "."))
	if rootForm.MatchString(name) {
		return "", fmt.Errorf("%w: it does not begin with %s", ErrReference, referenceScheme)
	}
	labels := strings.Split(name, ".")
	if len(labels) < 2 || len(name) > dnsNameMax {
		return "", errNoTarget
	}
	for _, l := range labels {
		if !labelForm.MatchString(l) {
			return "", errNoTarget
		}
	}
	return name, nil
}
