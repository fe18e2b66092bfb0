// Package apitest holds a backend of the local API that keeps everything in
// memory, and the suite of tests that any backend must pass.
//
// It must never be reached by a program: it protects nothing.
package apitest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// Fake is an api.Backend in memory. References name an object and, in hex, the
// path in it; versions are selected by "@7" and "@-1".
type Fake struct {
	// OnRead, if set, is called before each piece of content is given, with the
	// bytes given so far. Its error becomes the reader's.
	OnRead func(ctx context.Context, given int64) error
	// OnCommit, if set, is called before each change is made.
	OnCommit func(ctx context.Context) error
	// Alone is what results and reports say.
	Alone bool
	// Offline lets puts wait; Aside is why they are kept aside, if not "".
	Offline bool
	Aside   string
	// Short makes Check find too few shares.
	Short bool

	mu      sync.Mutex
	volumes []*volume
	aliases map[string]alias
	pending []waiting
	last    uint64 // number of a pending change
	denials []api.Denial
	changes chan struct{} // closed by the next change; nil: nobody waits for it
}

// volume is a volume: all its versions, from the empty one.
type volume struct {
	petname string
	object  string

	retention api.Retention
	versions  []version
	writers   map[string]string // where keys may write
	deleted   bool
}

// version is a state of a volume: its nodes by path, "" being the root.
type version struct {
	nodes map[string]node
	time  time.Time
}

type node struct {
	kind    api.Kind
	mode    uint32
	modTime time.Time
	target  api.Path
	content []byte
	grown   *[]byte // content, and what was appended to it in later versions; nil if nothing was
	version uint64
}

// New returns a fake without volumes.
func New() *Fake { return &Fake{} }

func (f *Fake) makeVolume(petname string) *volume {
	v := &volume{petname: petname, object: fmt.Sprintf("object%d", len(f.volumes)+1)}
	root := node{kind: api.Dir, mode: 0o755, modTime: time.Unix(0, 0).UTC()}
	v.versions = []version{{nodes: map[string]node{"": root}, time: time.Now().UTC()}}
	f.volumes = append(f.volumes, v)
	return v
}

func (v *volume) newest() uint64 { return uint64(len(v.versions) - 1) }

// place is what a reference means.
type place struct {
	volume  *volume
	root    string // the path that the reference's own root has in the volume
	path    string // "" or "/a/b", from the volume's root
	version uint64
	nodes   map[string]node // the state of that version; not to be changed
	into    bool            // it ended in "/"
}

func (p place) String() string { return p.volume.petname + ":" + api.Path(p.path).String() }

// shown returns a path as entries show it.
func (p place) shown(path string) api.Path {
	if rest := strings.TrimPrefix(path, p.root); rest != "" {
		return api.Path(rest)
	}
	return "/"
}

func (p place) entry(path string) (api.Entry, bool) {
	n, ok := p.nodes[path]
	return api.Entry{
		Object: p.volume.object, Path: p.shown(path), Version: n.version, Kind: n.kind,
		Size: int64(len(n.content)), Mode: n.mode, ModTime: n.modTime, Target: n.target,
	}, ok
}

func (p place) reference() string { return fmt.Sprintf("atoll:%s.%x.key", p.volume.object, p.path) }

const nameBytesMax = 255

// resolve parses a reference. The caller holds the lock.
func (f *Fake) resolve(ref string) (place, error) {
	text, selector, _ := strings.Cut(ref, "@")
	head, rest, ok := strings.Cut(text, ":")
	if !ok {
		return place{}, errs.Newf("resolve", ref, errs.Usage, "not a reference")
	}
	var p place
	var err error
	if head == "atoll" {
		p, rest, err = f.parse(rest)
	} else if named, known := f.rooted(head); known && named.volume.deleted {
		err = errDeleted
	} else if known {
		p = named
	} else {
		p.volume, err = f.find(head)
	}
	if err != nil {
		return p, errs.Wrap("resolve", ref, err)
	}
	path, err := api.ParsePath(rest)
	if err != nil {
		return p, errs.New("resolve", ref, errs.Usage, err)
	}
	p.into = strings.HasSuffix(rest, "/")
	p.path = p.root
	for _, name := range path.Components() {
		if len(name) > nameBytesMax || name == ".." || strings.Contains(name, "\x00") {
			return p, errs.Newf("resolve", ref, errs.Usage, "not a name: it is .., holds a zero byte or more than %d bytes", nameBytesMax)
		}
		p.path += "/" + name
	}
	if p.version, err = p.volume.selected(selector); err != nil {
		return p, errs.Wrap("resolve", ref, err)
	}
	p.nodes = p.volume.versions[p.version].nodes
	return p, nil
}

func (f *Fake) find(petname string) (*volume, error) {
	for _, v := range f.volumes {
		if v.petname == petname {
			return v, nil
		}
	}
	if petname == "home" {
		return f.makeVolume(petname), nil
	}
	return nil, errs.Hint(errs.Newf("find volume", petname, errs.NotFound, "no volume has that petname"), "peerctl init %s", petname)
}

// parse parses what follows "atoll:".
func (f *Fake) parse(text string) (p place, path string, err error) {
	name, path, _ := strings.Cut(text, "/")
	parts := strings.Split(name, ".")
	if len(parts) == 3 {
		if _, err := fmt.Sscanf(parts[1]+"\n", "%x\n", &p.root); err != nil && parts[1] != "" {
			return p, path, errs.New("", "", errs.Usage, err)
		}
		for _, v := range f.volumes {
			if v.object == parts[0] && v.deleted {
				return p, path, errDeleted
			}
			if v.object == parts[0] {
				p.volume = v
				return p, path, nil
			}
		}
	}
	return p, path, errs.New("", "", errs.NotFound, errors.New("no such object"))
}

var errDeleted = errs.New("", "", errs.NotFound, errors.New("deleted by its owner"))

func (v *volume) selected(selector string) (uint64, error) {
	newest := v.newest()
	if selector == "" {
		return newest, nil
	}
	n, err := strconv.ParseInt(selector, 10, 64)
	if err != nil {
		return 0, errs.New("select version", selector, errs.Usage, err)
	}
	if n < 0 {
		n += int64(newest)
	}
	if n < 0 || uint64(n) > newest {
		return 0, errs.Newf("select version", selector, errs.NotFound, "the newest is %d", newest)
	}
	return uint64(n), nil
}

// commit makes a version by a change of the newest state, and returns what
// became of it. The caller holds the lock.
func (f *Fake) commit(ctx context.Context, p place, until api.State, change func(nodes map[string]node, version uint64) error) (api.PutResult, error) {
	if f.OnCommit != nil {
		if err := f.OnCommit(ctx); err != nil {
			return api.PutResult{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return api.PutResult{}, err
	}
	before := p.volume.versions[p.volume.newest()].nodes
	nodes := maps.Clone(before)
	number := p.volume.newest() + 1
	if err := change(nodes, number); err != nil {
		return api.PutResult{}, errs.Wrap("change", p.String(), err)
	}
	p.volume.versions = append(p.volume.versions, version{nodes, time.Now().UTC()})
	if f.changes != nil {
		close(f.changes)
		f.changes = nil
	}
	r := api.PutResult{
		Reference: p.reference(), Path: p.shown(p.path), Object: p.volume.object, Version: number,
		Previous: before[p.path].version, Holders: 32, State: until, Alone: f.Alone,
	}
	r.Pinned = fmt.Sprintf("%s@%d", r.Reference, number)
	if until == "" {
		r.State = api.Archived
	}
	if f.Alone {
		r.Holders = 1
	}
	return r, nil
}
