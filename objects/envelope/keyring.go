package envelope

import (
	"fmt"
	"io"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// Limits of a keyring.
const (
	VolumesMax        = 1024
	GenesisBytesMax   = 16 << 10 // of one volume, as encoded
	keyringPlainMax   = VolumesMax*(GenesisBytesMax+384) + 256
	keyringHeaderMax  = 256 // what stands around the sealed part
	keyringSealedMax  = keyringPlainMax + 16
	KeyringBytesMax   = keyringSealedMax + keyringHeaderMax
	keyringCheckBytes = wire.HashSize
)

// Volume is a volume of the user's own. The root key reads all of it; with the
// author's key it also writes.
type Volume struct {
	Petname string
	Object  wire.ObjectID
	Root    wire.NodeID // the root directory
	RootKey NodeKey
	// Genesis is what the volume was founded with, encoded; opaque here.
	Genesis          []byte
	CreatedUnixMilli int64
	// Retention is which versions its owner's peer keeps, by itself.
	Retention Retention
}

// Reference returns the reference of the volume's root.
func (v Volume) Reference() Reference {
	return Reference{Object: v.Object, Node: v.Root, Key: v.RootKey}
}

// Keyring is the user's own keys. Losing it loses the right to write his
// volumes and, without a reference kept elsewhere, to read them.
type Keyring struct {
	author  [keySize]byte
	volumes []Volume
}

// NewKeyring returns a keyring with a fresh author key and no volume.
func NewKeyring(random io.Reader) (*Keyring, error) {
	k := new(Keyring)
	if _, err := io.ReadFull(random, k.author[:]); err != nil {
		return nil, fmt.Errorf("draw author key: %w", err)
	}
	return k, nil
}

// Author returns the key that signs the user's updates.
func (k *Keyring) Author() wire.Key { return wire.NewKey(k.author) }

// Volumes returns the volumes in the order in which they were added.
func (k *Keyring) Volumes() []Volume { return slices.Clone(k.volumes) }

// Volume returns the volume of that petname. The error is of kind NotFound.
func (k *Keyring) Volume(petname string) (Volume, error) {
	for _, v := range k.volumes {
		if v.Petname == petname {
			return v, nil
		}
	}
	err := errs.New("find volume", petname+":", errs.NotFound, fmt.Errorf("there is no volume of that name here"))
	return Volume{}, errs.Hint(err, "peerctl init %s makes it", petname)
}

// Add adds a volume. The error is of kind Usage for a bad petname, Conflict for
// one that is taken, Full at VolumesMax.
func (k *Keyring) Add(v Volume) error {
	if err := CheckPetname(v.Petname); err != nil {
		return errs.New("add volume", clip(v.Petname, 40), errs.Usage, err)
	}
	if _, err := k.Volume(v.Petname); err == nil {
		return errs.New("add volume", v.Petname+":", errs.Conflict, fmt.Errorf("there is a volume of that name already"))
	}
	if len(v.Genesis) > GenesisBytesMax {
		return errs.New("add volume", v.Petname+":", errs.Usage, fmt.Errorf("genesis of %d bytes, at most %d are allowed", len(v.Genesis), GenesisBytesMax))
	}
	if err := v.Retention.check(); err != nil {
		return errs.New("add volume", v.Petname+":", errs.Usage, err)
	}
	if len(k.volumes) >= VolumesMax {
		return errs.New("add volume", v.Petname+":", errs.Full, fmt.Errorf("a keyring has at most %d volumes", VolumesMax))
	}
	k.volumes = append(k.volumes, v)
	return nil
}
