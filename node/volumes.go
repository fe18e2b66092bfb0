package node

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/envelope"
)

// homePetname is the volume that is made at first use.
const homePetname = "home"

// volumes is the user's keyring and the volumes in it.
type volumes struct {
	file envelope.KeyringFile

	making sync.Mutex // held while a volume is founded, which asks other peers
	mu     sync.Mutex // guards ring and the file
	ring   *envelope.Keyring
}

// openVolumes opens the keyring, and makes one at the first start.
func openVolumes(c Config) (*volumes, error) {
	v := &volumes{file: envelope.KeyringFile{
		Path: filepath.Join(c.Dir, "keyring"), Passphrase: c.Passphrase, Random: rand.Reader,
	}}
	var err error
	v.ring, err = v.file.Load()
	if errs.KindOf(err) != errs.NotFound {
		return v, err
	}
	if v.ring, err = envelope.NewKeyring(rand.Reader); err != nil {
		return nil, err
	}
	return v, v.file.Create(v.ring)
}

func (v *volumes) author() wire.Key {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ring.Author()
}

func (v *volumes) list() []envelope.Volume {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ring.Volumes()
}

func (v *volumes) find(petname string) (envelope.Volume, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ring.Volume(petname)
}

// make founds a volume under a petname: the ring first, then the keyring, so
// that a crash in between leaves a ring that nobody uses rather than a petname
// that leads nowhere. A volume whose keys are not on disk is not there: what
// was put in it would be lost with this process.
func (v *volumes) make(petname string, found func(owner wire.Key) (bft.Genesis, error)) (envelope.Volume, error) {
	if err := envelope.CheckPetname(petname); err != nil {
		return envelope.Volume{}, errs.New("make volume", petname, errs.Usage, err)
	}
	v.making.Lock()
	defer v.making.Unlock()
	if have, err := v.find(petname); err == nil {
		return have, errs.New("make volume", petname+":", errs.Conflict, fmt.Errorf("there is a volume of that name already"))
	}
	genesis, err := found(v.author())
	if err != nil {
		return envelope.Volume{}, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	made := envelope.Volume{
		Petname: petname, Object: genesis.Body.ObjectID(), Genesis: genesis.Encode(), CreatedUnixMilli: time.Now().UnixMilli(),
	}
	if _, err := rand.Read(made.Root[:]); err != nil {
		return made, err
	}
	if _, err := rand.Read(made.RootKey[:]); err != nil {
		return made, err
	}
	return made, v.edit(func(k *envelope.Keyring) error { return k.Add(made) })
}

// change changes the keyring and returns when that is durable.
func (v *volumes) change(do func(*envelope.Keyring) error) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.edit(do)
}

// edit is change for whom holds mu. After an error the keyring is as before.
func (v *volumes) edit(do func(*envelope.Keyring) error) error {
	before := *v.ring
	err := do(v.ring)
	if err == nil {
		err = v.file.Save(v.ring)
	}
	if err != nil {
		*v.ring = before
	}
	return err
}

// place finds what a REF names, making home: at first use where a change is
// meant.
func (n *Node) place(ctx context.Context, ref string, create bool) (envelope.Target, objects.Place, error) {
	t, p, err := n.placeOf(ctx, ref, create)
	if err == nil {
		n.ring.warn(ctx, p.Object)
	}
	return t, p, err
}

func (n *Node) placeOf(ctx context.Context, ref string, create bool) (envelope.Target, objects.Place, error) {
	t, err := envelope.ParseTarget(ref)
	if err != nil {
		return t, objects.Place{}, err
	}
	switch t.Kind {
	case envelope.TargetReference:
		return t, objects.Place{Object: t.Object, Node: t.Node, Key: t.Key}, nil
	case envelope.TargetName:
		return n.placeName(ctx, t, create)
	}
	v, err := n.volumes.find(t.Petname)
	if errs.KindOf(err) == errs.NotFound && create && t.Petname == homePetname {
		v, err = n.newVolume(ctx, homePetname, 0, 0)
		if err == nil {
			backend{n}.rememberKeys(ctx, v)
		}
		if errs.KindOf(err) == errs.Conflict { // another command was first
			v, err = n.volumes.find(homePetname)
		}
	}
	return t, objects.Place{Object: v.Object, Node: v.Root, Key: v.RootKey, Root: v.Own()}, err
}
