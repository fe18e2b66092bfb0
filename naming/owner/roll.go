package owner

import (
	"errors"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/zone"
)

// Roll gives a zone one more key. From its next publication on the zone is
// published under each of its other names twice, once by each key; parents are
// then told of both, and Retire ends the old one. The zone's self-certifying
// name keeps the first key: it is that key.
func (o *Owner) Roll(label string) error {
	o.change.Lock()
	defer o.change.Unlock()
	z, err := o.Zone(label)
	if err != nil {
		return err
	}
	if len(z.LiveKeys()) > 1 {
		err := errs.New("roll key", label, errs.Conflict, errors.New("the zone has two keys already"))
		return errs.Hint(err, "peerctl name zone finish %s retires the older one, once all parents know the newer", label)
	}
	if len(z.Keys) >= KeysMax {
		z.Keys = slices.Delete(z.Keys, 1, 2)
	}
	next := z.Keys[len(z.Keys)-1].Generation + 1
	z.Keys = append(z.Keys, Key{Generation: next, Public: wire.NewKey(o.config.Seed(label, next)).Public(), State: Live})
	return o.setZone(&z)
}

// Retire ends the older of a zone's two keys.
func (o *Owner) Retire(label string) error {
	o.change.Lock()
	defer o.change.Unlock()
	z, err := o.Zone(label)
	if err != nil {
		return err
	}
	if len(z.LiveKeys()) < 2 {
		return errs.New("retire key", label, errs.Conflict, errors.New("the zone has one key"))
	}
	i := slices.IndexFunc(z.Keys, func(k Key) bool { return k.State == Live })
	z.Keys[i].State = Retired
	if err := o.setZone(&z); err != nil {
		return err
	}
	for _, at := range z.Origins {
		if err := o.forget(naming.DigestOf(at.Name, z.Keys[i].Public)); err != nil {
			return errs.Wrap("retire key", label, err)
		}
	}
	return nil
}

// forget drops the records of a copy that is not published any more.
func (o *Owner) forget(digest naming.Digest) error {
	o.mu.Lock()
	var ids []wire.RecordID
	for id := range o.marks[digest] {
		ids = append(ids, id)
	}
	o.mu.Unlock()
	if err := o.dropRecords(digest, ids); err != nil {
		return err
	}
	o.mu.Lock()
	delete(o.marks, digest)
	o.mu.Unlock()
	return nil
}

// Import takes over entries: each replaces those of its owner and type, or all
// of the zone.
func (o *Owner) Import(label string, list []zone.Entry, replace bool) error {
	byOwner := map[string][]zone.Entry{}
	for _, e := range list {
		byOwner[e.Owner] = append(byOwner[e.Owner], e)
	}
	changes := map[string]Change{}
	if replace {
		old, err := o.Entries(label)
		if err != nil {
			return err
		}
		for _, e := range old {
			changes[e.Owner] = func([]zone.Entry) ([]zone.Entry, error) { return nil, nil }
		}
	}
	for owner, fresh := range byOwner {
		changes[owner] = func(before []zone.Entry) ([]zone.Entry, error) {
			kept := slices.DeleteFunc(slices.Clone(before), func(old zone.Entry) bool {
				return replace || slices.ContainsFunc(fresh, func(e zone.Entry) bool { return e.Type == old.Type })
			})
			return append(kept, fresh...), nil
		}
	}
	return o.EditAll(label, changes)
}

// prefixLink begins the keys of what a user's own links stand for.
const prefixLink = "nl"

func linkKey(label, owner string) []byte { return []byte(prefixLink + label + "\x00" + owner) }

// linkBytesMax bounds the text of one link.
const linkBytesMax = 64 << 10

// Remember notes what a name of the user's stands for on this peer: a REF without
// a key. An empty one forgets it.
func (o *Owner) Remember(label, owner, ref string) error {
	if len(ref) > linkBytesMax {
		return errs.New("remember link", label, errs.Usage, errors.New("it is too long"))
	}
	err := o.store.Update(func(w kv.Writer) error {
		if ref == "" {
			return w.Delete(linkKey(label, owner))
		}
		return w.Set(linkKey(label, owner), []byte(ref))
	})
	return errs.Wrap("remember link", label, err)
}

// Recall returns what Remember was told, or "".
func (o *Owner) Recall(label, owner string) (ref string) {
	// What cannot be read is as if it were not there: the record says it too.
	_ = o.store.View(func(r kv.Reader) error {
		return r.Get(linkKey(label, owner), func(value []byte) error {
			ref = string(value)
			return nil
		})
	})
	return ref
}
