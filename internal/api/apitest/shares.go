package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// alias is a petname for what somebody else's reference names.
type alias struct {
	volume *volume
	root   string
}

// keyLength is how many characters the text of a public key has.
const keyLength = 52

func checkKey(key string) error {
	if len(key) != keyLength {
		return errs.Newf("parse key", key, errs.Usage, "it has %d characters, not %d", len(key), keyLength)
	}
	return nil
}

// Share implements api.Backend.
func (f *Fake) Share(_ context.Context, r api.ShareRequest) (api.PutResult, error) {
	p, e, err := f.at(r.Ref)
	if err != nil {
		return api.PutResult{}, err
	}
	if r.Write != "" {
		if err := f.admit(p, e, r.Write); err != nil {
			return api.PutResult{}, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unchanged(p), nil
}

func (f *Fake) admit(p place, e api.Entry, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if e.Kind != api.Dir {
		return errs.Newf("share", p.String(), errs.Usage, "writing is shared for directories")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, has := p.volume.writers[key]; has && at != p.path {
		return errs.Newf("share", key, errs.Conflict, "that key may write in another place already")
	}
	if p.volume.writers == nil {
		p.volume.writers = make(map[string]string)
	}
	p.volume.writers[key] = p.path
	return nil
}

func (f *Fake) unchanged(p place) api.PutResult {
	return api.PutResult{
		Reference: p.reference(), Path: p.shown(p.path), Object: p.volume.object, Version: p.version, State: api.Archived, Unchanged: true,
	}
}

// Revoke implements api.Backend. It renews no keys: its references have none.
func (f *Fake) Revoke(ctx context.Context, r api.RevokeRequest) (api.PutResult, error) {
	p, _, err := f.at(r.Ref)
	if err != nil {
		return api.PutResult{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Write == "" {
		if p.path == p.root {
			return api.PutResult{}, errs.Newf("revoke", r.Ref, errs.Usage, "it has no directory above it")
		}
		return f.commit(ctx, p, r.Until, func(map[string]node, uint64) error { return nil })
	}
	if err := checkKey(r.Write); err != nil {
		return api.PutResult{}, err
	}
	if _, has := p.volume.writers[r.Write]; !has {
		return api.PutResult{}, errs.Newf("revoke", r.Write, errs.NotFound, "that key has no right to write here")
	}
	delete(p.volume.writers, r.Write)
	return f.unchanged(p), nil
}

// Writers implements api.Backend.
func (f *Fake) Writers(_ context.Context, r api.ReadRequest) ([]api.Writer, error) {
	p, _, err := f.at(r.Ref)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := []api.Writer{{Key: author, Owner: true, Path: "/"}}
	for _, key := range slices.Sorted(maps.Keys(p.volume.writers)) {
		all = append(all, api.Writer{Key: key, Path: p.shown(p.volume.writers[key])})
	}
	return all, nil
}

// Volumes implements api.Backend.
func (f *Fake) Volumes(context.Context) ([]api.Volume, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := []api.Volume{}
	for _, v := range f.volumes {
		if v.petname != "" {
			line := api.Volume{Petname: v.petname, Object: v.object, Version: v.newest()}
			if v.retention != (api.Retention{}) {
				line.Retention = &v.retention
			}
			all = append(all, line)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		all = append(all, api.Volume{Petname: name, Object: f.aliases[name].volume.object, Version: f.aliases[name].volume.newest(), Shared: true, Deleted: f.aliases[name].volume.deleted})
	}
	return all, nil
}

func (f *Fake) taken(petname string) error {
	_, known := f.aliases[petname]
	for _, v := range f.volumes {
		known = known || v.petname == petname
	}
	if known {
		return errs.Newf("add volume", petname, errs.Conflict, "there is a volume of that name already")
	}
	return nil
}

// AddVolume implements api.Backend.
func (f *Fake) AddVolume(_ context.Context, r api.AddVolumeRequest) (api.Volume, error) {
	p, e, err := f.at(r.Ref)
	if err == nil && e.Kind != api.Dir {
		err = errs.Newf("add volume", r.Petname, errs.Usage, "the reference names a file")
	}
	if err != nil {
		return api.Volume{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.taken(r.Petname); err != nil {
		return api.Volume{}, err
	}
	if f.aliases == nil {
		f.aliases = make(map[string]alias)
	}
	f.aliases[r.Petname] = alias{p.volume, p.path}
	return api.Volume{Petname: r.Petname, Object: p.volume.object, Reference: p.reference(), Shared: true}, nil
}

// ChangeVolume implements api.Backend.
func (f *Fake) ChangeVolume(_ context.Context, r api.ChangeVolumeRequest) (v api.Volume, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.To != "" {
		if err := f.taken(r.To); err != nil {
			return v, err
		}
	}
	v = api.Volume{Petname: r.To}
	if a, known := f.aliases[r.Petname]; known {
		delete(f.aliases, r.Petname)
		if r.To != "" {
			f.aliases[r.To] = a
		}
		v.Object, v.Reference, v.Shared = a.volume.object, place{volume: a.volume, path: a.root}.reference(), true
		return v, nil
	}
	for _, own := range f.volumes {
		if own.petname != r.Petname {
			continue
		}
		if r.To == "" && !r.Force {
			return v, errs.Newf("forget volume", r.Petname, errs.Conflict, "it is your own")
		}
		own.petname = r.To
		v.Object, v.Reference = own.object, place{volume: own}.reference()
		return v, nil
	}
	return v, errs.Newf("find volume", r.Petname, errs.NotFound, "no volume has that petname")
}

// sealedKeys are a fake's keys: what they name stays where it is.
type sealedKeys struct {
	Passphrase string
	Petnames   []string
}

// Export implements api.Backend.
func (f *Fake) Export(_ context.Context, r api.ExportRequest) (api.SealedKeys, error) {
	if r.Passphrase == "" {
		return api.SealedKeys{}, errs.Newf("export keys", "", errs.Usage, "an empty passphrase protects nothing")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	sealed := sealedKeys{Passphrase: r.Passphrase}
	for _, v := range f.volumes {
		sealed.Petnames = append(sealed.Petnames, v.petname)
	}
	b, err := json.Marshal(sealed)
	return api.SealedKeys{Keys: b}, err
}

// Import implements api.Backend.
func (f *Fake) Import(_ context.Context, r api.ImportRequest, body io.Reader) (api.Imported, error) {
	b, err := io.ReadAll(body)
	if err != nil {
		return api.Imported{}, err
	}
	var sealed sealedKeys
	if json.NewDecoder(bytes.NewReader(b)).Decode(&sealed) != nil {
		return api.Imported{}, errs.Newf("import keys", "", errs.Damaged, "these are no keys")
	}
	if sealed.Passphrase != r.Passphrase {
		return api.Imported{}, errs.Newf("import keys", "", errs.Refused, "the passphrase does not fit")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	done := api.Imported{Author: author, Volumes: []string{}}
	for _, name := range sealed.Petnames {
		if f.taken(name) == nil {
			f.makeVolume(name)
			done.Volumes = append(done.Volumes, name)
		}
	}
	return done, nil
}

// rooted returns what a petname that is an alias means.
func (f *Fake) rooted(petname string) (p place, known bool) {
	a, known := f.aliases[petname]
	return place{volume: a.volume, root: a.root}, known
}

// author is the fake's user.
var author = strings.Repeat("a", keyLength)
