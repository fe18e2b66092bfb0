package main

import (
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// refBytesMax bounds a reference that is read from a file.
const refBytesMax = 64 << 10

// ref returns the reference that an argument means: itself, or what stands in
// FILE if it is @FILE, in standard input if it is @-.
func (a *app) ref(arg string) (string, error) {
	name, fromFile := strings.CutPrefix(arg, "@")
	if arg == "" || arg == "@" {
		return "", usage("%q is no reference", arg)
	}
	if !fromFile {
		return api.EscapeBytes(arg), nil
	}
	text, err := a.readRef(name)
	if err != nil {
		return "", local.Failure("read a reference", name, err)
	}
	text = strings.TrimSpace(text)
	if text == "" || strings.ContainsAny(text, "\r\n") || len(text) > refBytesMax {
		return "", errs.Newf("read a reference", name, errs.Usage, "not one line with a reference")
	}
	return api.EscapeBytes(text), nil
}

func (a *app) readRef(name string) (string, error) {
	from := a.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		from = f
	}
	b, err := io.ReadAll(io.LimitReader(from, refBytesMax+1))
	return string(b), err
}

// shown returns a reference as messages name it: the keys in it are nobody's
// business who reads over a shoulder, or in a log.
func shown(ref string) string {
	if !strings.HasPrefix(ref, "atoll:") {
		return ref
	}
	secret, path, _ := strings.Cut(ref, "/")
	object, _, _ := strings.Cut(secret, ".")
	if path != "" {
		path = "/" + path
	}
	return object[:min(len(object), len("atoll:")+8)] + "…" + path
}

// placed names a path in the volume that a reference names.
func placed(ref string, path api.Path) string {
	head, _, _ := strings.Cut(ref, ":")
	if head == "atoll" {
		return shown(ref[:strings.IndexByte(ref+"/", '/')]) + path.String()
	}
	return head + ":" + path.String()
}

// inVolume returns the reference of a path that entries show, in a version of
// what another reference names.
func inVolume(ref string, path api.Path, version uint64) string {
	base, _ := cutVersion(ref)
	root, _, _ := strings.Cut(base, "/")
	return root + path.String() + "@" + strconv.FormatUint(version, 10)
}

// destination is what the last argument of put must look like to be taken for a
// place in a volume: WORD:, WORD:/… or atoll:….
var destination = regexp.MustCompile(`^(atoll:|[^:/@%\s-][^:/@%\s]*:(/|$))`)

func isDestination(arg string) bool { return destination.MatchString(arg) }

// into makes a destination mean the inside of a directory.
func into(dest string) string {
	if strings.HasSuffix(dest, "/") {
		return dest
	}
	return dest + "/"
}
