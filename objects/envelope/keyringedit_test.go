package envelope

import (
	"bytes"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

func keyringOf(t *testing.T, author byte, petnames ...string) *Keyring {
	t.Helper()
	k, err := NewKeyring(bytes.NewReader(bytes.Repeat([]byte{author}, keySize)))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range petnames {
		if err := k.Add(Volume{Petname: p, Object: wire.ObjectID{byte(i + 1)}, Genesis: []byte{1}}); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func names(k *Keyring) (all []string) {
	for _, v := range k.Volumes() {
		all = append(all, v.Petname)
	}
	return all
}

func TestVolumesAreRenamedAndForgotten(t *testing.T) {
	k := keyringOf(t, 1, "a", "b")
	for _, c := range []struct {
		from, to string
		want     errs.Kind
	}{{"none", "c", errs.NotFound}, {"a", "b", errs.Conflict}, {"a", "-", errs.Usage}} {
		if _, err := k.Rename(c.from, c.to); errs.KindOf(err) != c.want {
			t.Errorf("%s to %s: %v", c.from, c.to, err)
		}
	}
	if v, err := k.Rename("a", "c"); err != nil || v.Petname != "c" || v.Object != (wire.ObjectID{1}) {
		t.Errorf("%+v, %v", v, err)
	}
	if v, err := k.Remove("b"); err != nil || v.Petname != "b" {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := k.Remove("b"); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if got := names(k); !slices.Equal(got, []string{"c"}) {
		t.Errorf("volumes %v", got)
	}
}

func TestKeyringsMergeOnlyIfNothingIsLost(t *testing.T) {
	k := keyringOf(t, 1)
	if fresh, err := k.Merge(keyringOf(t, 2, "a", "b")); err != nil || !slices.Equal(fresh, []string{"a", "b"}) {
		t.Fatalf("%v, %v", fresh, err)
	}
	if k.Author().Public() != keyringOf(t, 2).Author().Public() {
		t.Error("the author did not come with the volumes")
	}
	if fresh, err := k.Merge(keyringOf(t, 2, "a", "b", "c")); err != nil || !slices.Equal(fresh, []string{"c"}) {
		t.Errorf("%v, %v", fresh, err)
	}
	for what, other := range map[string]*Keyring{"another author": keyringOf(t, 3), "another meaning": keyringOf(t, 2, "b")} {
		if _, err := k.Merge(other); errs.KindOf(err) != errs.Conflict {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := names(k); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("volumes %v", got)
	}
}
