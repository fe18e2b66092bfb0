package node

import (
	"context"
	"io"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// backend answers the local API. It translates; what it offers is done by the
// gateway and the other parts of the node.
type backend struct {
	*Node
}

func (b backend) Init(ctx context.Context, r api.InitRequest) (api.Volume, error) {
	petname := r.Petname
	if petname == "" {
		petname = homePetname
	}
	if r.Ring != 0 && (r.Ring < 1 || r.Ring > wire.RingMembersMax || r.Ring%3 != 1) {
		return api.Volume{}, errs.Newf("make volume", petname+":", errs.Usage, "a ring has 1, 4, 7 or 10 members, not %d", r.Ring)
	}
	if err := checkNines(r.Nines); err != nil {
		return api.Volume{}, err
	}
	v, err := b.newVolume(ctx, petname, r.Ring, r.Nines)
	if err != nil {
		return api.Volume{}, err
	}
	b.rememberKeys(ctx, v)
	return api.Volume{Petname: v.Petname, Object: v.Object.String(), Reference: v.Reference().String()}, nil
}

// dest finds the destination of something that is put.
func (b backend) dest(ctx context.Context, ref string, name api.Path) (objects.Dest, error) {
	t, p, err := b.changeable(ctx, ref)
	return objects.Dest{Place: p, Path: t.Path, Into: t.Into, Name: string(name)}, err
}

// changeable finds what is to be changed: only the newest version can be.
func (b backend) changeable(ctx context.Context, ref string) (envelope.Target, objects.Place, error) {
	t, p, err := b.place(ctx, ref, true)
	if err == nil && !t.Version.IsNewest() {
		err = errs.Newf("change", t.Version.String(), errs.Usage, "an earlier version cannot be changed")
	}
	return t, p, err
}

func (b backend) Put(ctx context.Context, r api.PutRequest, body io.Reader) (api.PutResult, error) {
	_, p, err := b.changeable(ctx, r.Dest)
	if err != nil {
		return api.PutResult{}, err
	}
	if seen, cut := b.cutOff(ctx, p.Object); cut {
		return b.keep(verbPut, destText(r), r, p.Object, seen, body)
	}
	return b.put(ctx, r, body)
}

func (b backend) put(ctx context.Context, r api.PutRequest, body io.Reader) (api.PutResult, error) {
	d, err := b.dest(ctx, r.Dest, r.Name)
	if err != nil {
		return api.PutResult{}, err
	}
	if err := checkNines(r.Nines); err != nil {
		return api.PutResult{}, err
	}
	f := objects.File{
		Kind: update.KindFile, Attr: attr(r.Mode, r.ModTime, r.Symlink), Named: true, Nines: float64(r.Nines),
		Condition: condition(r.IfAbsent, r.IfVersion),
	}
	if r.Symlink != "" {
		f.Kind = update.KindSymlink
	}
	change, err := b.gateway.Put(ctx, d, f, body)
	return b.finish(ctx, d.Object, change, r.Until, err)
}

func (b backend) PutTree(ctx context.Context, r api.PutTreeRequest, tree api.TreeReader) (api.PutResult, error) {
	d, err := b.dest(ctx, r.Dest, r.Name)
	if err != nil {
		return api.PutResult{}, err
	}
	if err := checkNines(r.Nines); err != nil {
		return api.PutResult{}, err
	}
	options := objects.TreeOptions{Checksum: r.Checksum, Seen: wire.Version(r.Seen), Nines: float64(r.Nines)}
	change, err := b.gateway.PutTree(ctx, d, condition(r.IfAbsent, r.IfVersion), options, treeReader{tree})
	return b.finish(ctx, d.Object, change, r.Until, err)
}

func (b backend) Mkdir(ctx context.Context, r api.MkdirRequest) (api.PutResult, error) {
	_, p, err := b.changeable(ctx, r.Ref)
	if err != nil {
		return api.PutResult{}, err
	}
	if seen, cut := b.cutOff(ctx, p.Object); cut {
		return b.keep(verbMkdir, r.Ref, r, p.Object, seen, nil)
	}
	return b.mkdir(ctx, r)
}

func (b backend) mkdir(ctx context.Context, r api.MkdirRequest) (api.PutResult, error) {
	t, p, err := b.changeable(ctx, r.Ref)
	if err != nil {
		return api.PutResult{}, err
	}
	change, err := b.gateway.Mkdir(ctx, p, t.Path, attr(r.Mode, time.Now(), ""), r.Parents)
	return b.finish(ctx, p.Object, change, r.Until, err)
}

func (b backend) Remove(ctx context.Context, r api.RemoveRequest) (api.PutResult, error) {
	_, p, err := b.changeable(ctx, r.Ref)
	if err != nil {
		return api.PutResult{}, err
	}
	if r.Recursive {
		return b.remove(ctx, r) // what others put there meanwhile could be lost
	}
	if seen, cut := b.cutOff(ctx, p.Object); cut {
		return b.keep(verbRemove, r.Ref, r, p.Object, seen, nil)
	}
	return b.remove(ctx, r)
}

func (b backend) remove(ctx context.Context, r api.RemoveRequest) (api.PutResult, error) {
	t, p, err := b.changeable(ctx, r.Ref)
	if err != nil {
		return api.PutResult{}, err
	}
	c := condition(false, r.IfVersion)
	change, err := b.gateway.Remove(ctx, p, t.Path, r.Recursive, c.IfVersion)
	return b.finish(ctx, p.Object, change, r.Until, err)
}

// finish waits for the state that was asked for and says what became of it all.
func (b backend) finish(ctx context.Context, object wire.ObjectID, c objects.Change, until api.State, err error) (api.PutResult, error) {
	if err != nil {
		return api.PutResult{}, err
	}
	ref := envelope.Reference{Object: object, Node: c.Node, Key: c.Key}
	result := api.PutResult{
		Reference: ref.String(), Path: api.Path("/" + c.Path), Object: object.String(),
		Version: uint64(c.Version), Previous: uint64(c.Previous), Bytes: c.Bytes, SentBytes: c.SentBytes,
		Holders: len(c.Holders), Missing: c.Missing, State: api.Ordered,
		Alone: b.oneCopy(c.Holders),
	}
	if c.Version == 0 { // nothing was to be changed
		s, err := b.gateway.Newest(ctx, object)
		if err != nil {
			return result, err
		}
		result.Version, result.Unchanged = uint64(s.Version), true
	}
	result.Pinned = ref.String() + envelope.Selector{Version: wire.Version(result.Version)}.String()
	if until == api.Ordered {
		return result, nil
	}
	api.Report(ctx, api.Progress{Phase: "archiving", Unit: "versions"})
	if err := b.ring.Archive(ctx, object); err != nil {
		return result, errs.Hint(errs.Wrap("archive", object.String(), err),
			"version %d is stored and ordered, but cannot be read without this peer yet; it goes on trying while it runs", result.Version)
	}
	result.State = api.Archived
	return result, nil
}

// oneCopy reports whether what was put exists here alone: by who took it, not by
// who is known now. What stands in the volume's tree has no holders of its own.
func (b backend) oneCopy(holders map[wire.PeerID]bool) bool {
	if len(holders) == 0 {
		return b.alone()
	}
	return len(holders) == 1 && holders[b.host.Self()]
}

func attr(mode uint32, t time.Time, target api.Path) envelope.Attr {
	return envelope.Attr{Mode: mode & api.ModeMask, Sec: t.Unix(), Nsec: uint32(t.Nanosecond()), Target: string(target)}
}

func condition(absent bool, version *uint64) objects.Condition {
	c := objects.Condition{IfAbsent: absent}
	if version != nil {
		v := wire.Version(*version)
		c.IfVersion = &v
	}
	return c
}

// treeReader makes the entries of the API those of the gateway.
type treeReader struct {
	api.TreeReader
}

func (t treeReader) Next() (objects.TreeEntry, error) {
	e, err := t.TreeReader.Next()
	if err != nil {
		return objects.TreeEntry{}, err
	}
	kinds := map[api.Kind]update.EntryKind{api.File: update.KindFile, api.Dir: update.KindDir, api.Symlink: update.KindSymlink}
	return objects.TreeEntry{Path: string(e.Path), Kind: kinds[e.Kind], Attr: attr(e.Mode, e.ModTime, e.Target), Size: e.Size, Gone: e.Gone}, nil
}
