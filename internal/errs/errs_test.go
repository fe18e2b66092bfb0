package errs

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestKindAndTextOfAChain(t *testing.T) {
	cause := errors.New("disk full")
	inner := New("write share", "abc", Full, cause)
	for _, c := range []struct {
		err  error
		kind Kind
		text string
	}{
		{inner, Full, "write share: abc: disk full"},
		{Wrap("put", "home:/x", inner), Full, "put: home:/x: write share: abc: disk full"},
		{fmt.Errorf("while: %w", inner), Full, "while: write share: abc: disk full"},
		{New("put", "", Conflict, inner), Conflict, "put: write share: abc: disk full"},
		{Wrap("put", "x", New("put", "x", Conflict, cause)), Conflict, "put: x: disk full"},
		{Wrap("put", "x", Hint(New("put", "x", Conflict, cause), "wait")), Conflict, "put: x: disk full"},
		{Wrap("put", "y", New("put", "x", Conflict, cause)), Conflict, "put: y: put: x: disk full"},
		{New("put", "x", NotFound, nil), NotFound, "put: x: not-found"},
		{cause, Other, "disk full"},
		{Wrap("get", "x", context.DeadlineExceeded), Timeout, "get: x: context deadline exceeded"},
		{Wrap("get", "x", context.Canceled), Interrupted, "get: x: context canceled"},
	} {
		if got := KindOf(c.err); got != c.kind {
			t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.kind)
		}
		if got := c.err.Error(); got != c.text {
			t.Errorf("text %q, want %q", got, c.text)
		}
	}
	if Wrap("a", "b", nil) != nil || Hint(nil, "x") != nil {
		t.Error("no error became one")
	}
}

func TestHintSurvivesWrapping(t *testing.T) {
	err := Wrap("put", "x", Hint(New("dial", "", NoDaemon, nil), "start it with %s", "peerd run"))
	if got := HintOf(err); got != "start it with peerd run" {
		t.Errorf("hint %q", got)
	}
	if got := HintOf(fmt.Errorf("both: %w", errors.Join(errors.New("no hint"), err))); got != "start it with peerd run" {
		t.Errorf("hint of joined errors %q", got)
	}
	if KindOf(err) != NoDaemon {
		t.Errorf("kind %v", KindOf(err))
	}
}

func TestKindsHaveNamesAndExitCodes(t *testing.T) {
	seen := map[int]Kind{}
	for k := Other; k < kinds; k++ {
		if k.String() == "" || ParseKind(k.String()) != k {
			t.Errorf("kind %d does not survive its name %q", k, k)
		}
		if other, dup := seen[k.ExitCode()]; dup || k.ExitCode() == 0 {
			t.Errorf("kind %v has exit code %d, as %v", k, k.ExitCode(), other)
		}
		seen[k.ExitCode()] = k
	}
	if Kind(200).ExitCode() != 1 || ParseKind("nonsense") != Other {
		t.Error("unknown kinds are not Other")
	}
}
