package envelope

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// costTest makes tests quick.
var costTest = cost{Passes: 1, MemoryKiB: 64, Lanes: 2}

func sampleKeyring(t testing.TB, petnames ...string) *Keyring {
	t.Helper()
	k, err := NewKeyring(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range petnames {
		err := k.Add(Volume{
			Petname: p, Object: wire.ObjectID{byte(i)}, Root: wire.NodeID{2}, RootKey: NodeKey{3},
			Genesis: []byte("genesis of " + p), CreatedUnixMilli: 1_700_000_000_000,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func TestKeyringRoundTrip(t *testing.T) {
	for _, passphrase := range []string{"", "correct horse", "\x00\xff"} {
		k := sampleKeyring(t, "home", "work")
		sealed, err := k.seal(rand.Reader, []byte(passphrase), costTest)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenKeyring(sealed, []byte(passphrase))
		if err != nil || !reflect.DeepEqual(got, k) {
			t.Errorf("passphrase %q: %+v, %v", passphrase, got, err)
		}
		if _, err := OpenKeyring(sealed, []byte(passphrase+"x")); !errors.Is(err, ErrPassphrase) {
			t.Errorf("wrong passphrase: %v", err)
		}
		if bytes.Contains(sealed, []byte("home")) || bytes.Contains(sealed, k.author[:]) {
			t.Error("the sealed keyring shows what is in it")
		}
	}
}

func TestKeyringTellsDamageFromAWrongPassphrase(t *testing.T) {
	sealed, err := sampleKeyring(t, "home").seal(rand.Reader, nil, costTest)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x10
		if _, err := OpenKeyring(bad, nil); !errors.Is(err, ErrKeyring) && !errors.Is(err, ErrRelease) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := OpenKeyring(sealed[:i], nil); !errors.Is(err, ErrKeyring) && !errors.Is(err, ErrRelease) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := OpenKeyring(append(sealed, 0), nil); !errors.Is(err, ErrKeyring) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := OpenKeyring([]byte("atoll keyring 2\nsomething new"), nil); !errors.Is(err, ErrRelease) {
		t.Errorf("format 2: %v", err)
	}
}

// A keyring from elsewhere must not be able to take the machine down.
func TestKeyringBoundsWhatOpeningCosts(t *testing.T) {
	k := sampleKeyring(t)
	for _, c := range []cost{
		{}, {Passes: 17, MemoryKiB: 64, Lanes: 1}, {Passes: 1, MemoryKiB: 1<<20 + 1, Lanes: 1},
		{Passes: 1, MemoryKiB: 1 << 10, Lanes: 17}, {Passes: 1, MemoryKiB: 15, Lanes: 2}, {Passes: 1, MemoryKiB: 64}, {MemoryKiB: 64, Lanes: 1},
	} {
		file := sealedBody(keyringBody{Header: keyringHeader{Cost: c}, Sealed: k.encode()})
		if _, err := OpenKeyring(file, nil); !errors.Is(err, ErrKeyring) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range []cost{costNone, costPassphrase, costMax, costTest} {
		if err := c.check(); err != nil {
			t.Error(err)
		}
	}
}

// sealedBody is a file with a good checksum, whatever the body.
func sealedBody(b keyringBody) []byte {
	file := append([]byte(keyringLine), wire.Marshal(b)...)
	check := wire.Derive(contextKeyring, file)
	return append(file, check[:]...)
}

func TestKeyringVolumes(t *testing.T) {
	k := sampleKeyring(t, "home", "work")
	if v, err := k.Volume("work"); err != nil || v.Object != (wire.ObjectID{1}) || v.Reference().Key != (NodeKey{3}) {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := k.Volume("play"); errs.KindOf(err) != errs.NotFound || errs.HintOf(err) == "" {
		t.Errorf("a volume that is not there: %v", err)
	}
	for _, c := range []struct {
		v    Volume
		want errs.Kind
	}{
		{Volume{Petname: "home"}, errs.Conflict},
		{Volume{Petname: "atoll"}, errs.Usage}, {Volume{}, errs.Usage}, {Volume{Petname: "a:b"}, errs.Usage}, {Volume{Petname: "a.b"}, errs.Usage},
		{Volume{Petname: "big", Genesis: make([]byte, GenesisBytesMax+1)}, errs.Usage},
	} {
		if err := k.Add(c.v); errs.KindOf(err) != c.want {
			t.Errorf("Add(%.20q): %v, want %v", c.v.Petname, err, c.want)
		}
	}
	k.Volumes()[0].Petname = "changed"
	if _, err := k.Volume("home"); err != nil || len(k.Volumes()) != 2 {
		t.Errorf("Volumes gives the keyring's own: %v", err)
	}
}

func TestKeyringFull(t *testing.T) {
	k := sampleKeyring(t)
	for i := range VolumesMax {
		if err := k.Add(Volume{Petname: fmt.Sprint("v", i), Genesis: make([]byte, GenesisBytesMax)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Add(Volume{Petname: "more"}); errs.KindOf(err) != errs.Full {
		t.Errorf("one more than fit: %v", err)
	}
	sealed, err := k.seal(rand.Reader, nil, costTest)
	if err != nil || len(sealed) > KeyringBytesMax {
		t.Fatalf("%d bytes, %v", len(sealed), err)
	}
	if got, err := OpenKeyring(sealed, nil); err != nil || len(got.Volumes()) != VolumesMax {
		t.Errorf("a full keyring does not survive: %v", err)
	}
}

func keyringFile(t *testing.T) KeyringFile {
	return KeyringFile{Path: filepath.Join(t.TempDir(), "keyring"), Random: rand.Reader}
}

func TestKeyringFile(t *testing.T) {
	f := keyringFile(t)
	f.Passphrase = []byte("correct horse")
	if _, err := f.Load(); errs.KindOf(err) != errs.NotFound {
		t.Fatalf("no file: %v", err)
	}
	k := sampleKeyring(t, "home")
	if err := f.Create(k); err != nil {
		t.Fatal(err)
	}
	if err := f.Create(k); errs.KindOf(err) != errs.Conflict {
		t.Errorf("created twice: %v", err)
	}
	if info, err := os.Stat(f.Path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got, err := f.Load(); err != nil || !reflect.DeepEqual(got, k) {
		t.Errorf("%+v, %v", got, err)
	}
	wrong := f
	wrong.Passphrase = nil
	if _, err := wrong.Load(); errs.KindOf(err) != errs.Refused || !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
}

func TestKeyringFileThatIsNotFit(t *testing.T) {
	f := keyringFile(t)
	if err := f.Create(sampleKeyring(t)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		bytes []byte
		mode  os.FileMode
		want  errs.Kind
	}{
		{"readable by others", whole, 0o640, errs.Refused},
		{"truncated", whole[:100], 0o600, errs.Damaged},
		{"empty", nil, 0o600, errs.Damaged},
		{"too long", make([]byte, KeyringBytesMax+100), 0o600, errs.Damaged},
		{"of a later release", []byte("atoll keyring 9\n"), 0o600, errs.Refused},
	} {
		if err := errors.Join(os.WriteFile(f.Path, c.bytes, 0o600), os.Chmod(f.Path, c.mode)); err != nil {
			t.Fatal(err)
		}
		_, err := f.Load()
		if errs.KindOf(err) != c.want || !strings.Contains(fmt.Sprint(err), f.Path) || errs.HintOf(err) == "" {
			t.Errorf("%s: %v, hint %q", c.what, err, errs.HintOf(err))
		}
	}
}

var errDisk = errors.New("the disk fails")

// failingDisk fails at one step, which it has done or not done when it does.
type failingDisk struct {
	osDisk
	step *int // steps until the failure
	done bool
}

func (d failingDisk) fail(do func() error) error {
	if *d.step--; *d.step != 0 {
		return do()
	}
	if d.done {
		return errors.Join(do(), errDisk)
	}
	return errDisk
}

func (d failingDisk) Write(path string, b []byte) error {
	return d.fail(func() error { return d.osDisk.Write(path, b) })
}

func (d failingDisk) Rename(from, to string) error {
	return d.fail(func() error { return d.osDisk.Rename(from, to) })
}

func (d failingDisk) Sync(dir string) error {
	return d.fail(func() error { return d.osDisk.Sync(dir) })
}

// Whatever step of a save fails, the file holds the old keyring or the new
// one, and the next save succeeds.
func TestKeyringFileIsReplacedWholeOrNotAtAll(t *testing.T) {
	const steps = 3
	for step := 1; step <= steps; step++ {
		for _, done := range []bool{false, true} {
			f := keyringFile(t)
			before, after := sampleKeyring(t, "home"), sampleKeyring(t, "home", "work")
			if err := f.Create(before); err != nil {
				t.Fatal(err)
			}
			left := step
			broken := f
			broken.disk = failingDisk{step: &left, done: done}
			if err := broken.Save(after); !errors.Is(err, errDisk) || !strings.Contains(err.Error(), f.Path) {
				t.Fatalf("step %d: %v", step, err)
			}
			got, err := f.Load()
			if err != nil || !reflect.DeepEqual(got, before) && !reflect.DeepEqual(got, after) {
				t.Errorf("step %d, done %v: %+v, %v", step, done, got, err)
			}
			if err := f.Save(after); err != nil {
				t.Error(err)
			}
			if got, err := f.Load(); err != nil || !reflect.DeepEqual(got, after) {
				t.Errorf("saved again: %+v, %v", got, err)
			}
		}
	}
}

// A crash may leave the new file half written, and a stranger one of his.
func TestKeyringFileReplacesRemainders(t *testing.T) {
	f := keyringFile(t)
	if err := os.WriteFile(f.Path+".new", []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Create(sampleKeyring(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Load(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(f.Path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the remainder is still there: %v", err)
	}
}

func FuzzKeyring(f *testing.F) {
	f.Add(sampleKeyring(f, "home", "work").encode())
	f.Add(sampleKeyring(f).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := parseKeyring(b); err == nil && !bytes.Equal(k.encode(), b) {
			t.Fatalf("%x parses but encodes to %x", b, k.encode())
		}
	})
}

// The checksum is made good, so that what is behind it is reached.
func FuzzKeyringFile(f *testing.F) {
	k := sampleKeyring(f, "home")
	sealed, err := k.seal(rand.Reader, nil, costTest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed[:len(sealed)-keyringCheckBytes])
	f.Add([]byte(keyringLine))
	f.Fuzz(func(t *testing.T, file []byte) {
		check := wire.Derive(contextKeyring, file)
		body, err := parseKeyringBody(append(bytes.Clone(file), check[:]...))
		switch {
		case err == nil && !bytes.Equal(sealedBody(body)[:len(file)], file):
			t.Fatalf("%x parses but encodes to %x", file, sealedBody(body))
		case err == nil && body.Header.Cost.check() != nil:
			t.Fatalf("%+v is accepted", body.Header.Cost)
		case err != nil && !errors.Is(err, ErrKeyring) && !errors.Is(err, ErrRelease):
			t.Fatal(err)
		}
	})
}
