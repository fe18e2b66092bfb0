package envelope

import (
	"fmt"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
)

// Own reports whether the volume is the user's own, not one that somebody else
// gave him a reference to.
func (v Volume) Own() bool { return len(v.Genesis) > 0 }

// Remove forgets a volume and returns it. The error is of kind NotFound.
func (k *Keyring) Remove(petname string) (Volume, error) {
	v, err := k.Volume(petname)
	if err == nil {
		k.volumes = slices.DeleteFunc(slices.Clone(k.volumes), func(v Volume) bool { return v.Petname == petname })
	}
	return v, err
}

// Rename gives a volume another petname. The error is of kind NotFound, Usage
// for a bad petname, Conflict for one that is taken.
func (k *Keyring) Rename(petname, to string) (Volume, error) {
	v, err := k.Volume(petname)
	if err != nil {
		return v, err
	}
	if err := CheckPetname(to); err != nil {
		return v, errs.New("rename volume", clip(to, 40), errs.Usage, err)
	}
	if _, err := k.Volume(to); err == nil {
		return v, errs.New("rename volume", to+":", errs.Conflict, fmt.Errorf("there is a volume of that name already"))
	}
	k.volumes = slices.Clone(k.volumes)
	for i := range k.volumes {
		if k.volumes[i].Petname == petname {
			k.volumes[i].Petname, v.Petname = to, to
		}
	}
	return v, nil
}

// Retain says which versions of a volume are kept. The error is of kind NotFound,
// or Usage for rules that say too much.
func (k *Keyring) Retain(petname string, r Retention) (Volume, error) {
	v, err := k.Volume(petname)
	if err != nil {
		return v, err
	}
	if err := r.check(); err != nil {
		return v, errs.New("retain", petname+":", errs.Usage, err)
	}
	k.volumes = slices.Clone(k.volumes)
	for i := range k.volumes {
		if k.volumes[i].Petname == petname {
			k.volumes[i].Retention = r
			v = k.volumes[i]
		}
	}
	return v, nil
}

// Merge takes over another keyring and returns the petnames that it brought. The
// error is of kind Conflict if this one has volumes of another user, or one of
// the petnames means something else here; nothing is taken then.
func (k *Keyring) Merge(other *Keyring) (fresh []string, err error) {
	if k.author != other.author && len(k.volumes) > 0 {
		err := errs.New("import keys", "", errs.Conflict, fmt.Errorf("these are another user's, and this peer's user has %d volumes", len(k.volumes)))
		return nil, errs.Hint(err, "one peer serves one user: start another one, with a directory of its own")
	}
	merged := &Keyring{author: other.author, volumes: slices.Clone(k.volumes)}
	for _, v := range other.volumes {
		have, err := merged.Volume(v.Petname)
		switch {
		case err != nil:
			if err := merged.Add(v); err != nil {
				return nil, err
			}
			fresh = append(fresh, v.Petname)
		case have.Object != v.Object || have.Root != v.Root:
			err := errs.New("import keys", v.Petname+":", errs.Conflict, fmt.Errorf("that name means another volume here"))
			return nil, errs.Hint(err, "rename it first: peerctl volume rename %s OTHER", v.Petname)
		}
	}
	*k = *merged
	return fresh, nil
}
