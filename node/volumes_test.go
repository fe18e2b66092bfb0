package node

import (
	"os"
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// noRing founds a volume that nobody orders.
func noRing(owner wire.Key) (bft.Genesis, error) {
	return bft.NewGenesis(owner, bft.NewGenesisBody(owner.Public(), "test", [16]byte{1}, nil, nil), nil), nil
}

func TestVolumeWhoseKeysCannotBeSavedIsNotThere(t *testing.T) {
	dir := t.TempDir() + "/data"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	v, err := openVolumes(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := v.make("home", noRing); err == nil {
		t.Fatal("the keyring was saved in no directory")
	}
	if got, err := v.find("home"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("it is found all the same: %v, %v", got.Petname, err)
	}
	if err := os.Rename(dir+".gone", dir); err != nil {
		t.Fatal(err)
	}
	made, err := v.make("home", noRing)
	if err != nil {
		t.Fatal(err)
	}
	again, err := openVolumes(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.find("home"); err != nil || got.RootKey != made.RootKey {
		t.Errorf("after a restart: %v, %v", got.Petname, err)
	}
}
