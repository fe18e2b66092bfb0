package apitest

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// Init implements api.Backend.
func (f *Fake) Init(_ context.Context, r api.InitRequest) (api.Volume, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.volumes {
		if v.petname == r.Petname {
			return api.Volume{}, errs.Newf("init", r.Petname, errs.Conflict, "a volume has that petname")
		}
	}
	v := f.makeVolume(r.Petname)
	return api.Volume{Petname: v.petname, Object: v.object, Reference: place{volume: v}.reference()}, nil
}

// Put implements api.Backend.
func (f *Fake) Put(ctx context.Context, r api.PutRequest, body io.Reader) (api.PutResult, error) {
	content, err := readAll(ctx, body)
	if err != nil {
		return api.PutResult{}, errs.Wrap("put", r.Dest, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.destination(r.Dest, r.Name, true)
	if err != nil {
		return api.PutResult{}, errs.Wrap("put", r.Dest, err)
	}
	if f.Offline {
		return f.wait(r.Dest, content), nil
	}
	n := node{kind: api.File, mode: r.Mode, modTime: r.ModTime, content: content}
	if r.Symlink != "" {
		n.kind, n.target, n.content = api.Symlink, r.Symlink, nil
	}
	result, err := f.commit(ctx, p, r.Until, func(nodes map[string]node, version uint64) error {
		if err := guard(nodes[p.path], r.IfVersion, r.IfAbsent); err != nil {
			return err
		}
		return set(nodes, p.path, n, version)
	})
	result.Bytes, result.SentBytes = int64(len(content)), 2*int64(len(content))
	return result, err
}

// readAll reads a body and reports it, as a peer does that stores it.
func readAll(ctx context.Context, body io.Reader) ([]byte, error) {
	var content []byte
	piece := make([]byte, 64<<10)
	for {
		n, err := body.Read(piece)
		content = append(content, piece[:n]...)
		api.Report(ctx, api.Progress{Phase: "storing", Done: int64(len(content)), Unit: "bytes"})
		if err == io.EOF {
			return content, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// destination says where something is to be put. The caller holds the lock.
func (f *Fake) destination(dest string, name api.Path, intoExisting bool) (place, error) {
	p, err := f.resolve(dest)
	if err != nil {
		return p, err
	}
	if p.version != p.volume.newest() {
		return p, errs.New("", "", errs.Usage, errors.New("an earlier version cannot be changed"))
	}
	if !p.into && (!intoExisting || p.nodes[p.path].kind != api.Dir) {
		return p, nil
	}
	if name == "" {
		return p, errs.New("", "", errs.Usage, errors.New("it is a directory, and there is no name"))
	}
	if p.nodes[p.path].kind != api.Dir {
		return p, errs.New("", "", errs.NotFound, errors.New("no such directory"))
	}
	p.path += "/" + string(name)
	return p, nil
}

func guard(n node, ifVersion *uint64, ifAbsent bool) error {
	switch {
	case ifAbsent && n.kind != "":
		return errs.New("", "", errs.Conflict, errors.New("it exists"))
	case ifVersion != nil && n.version > *ifVersion:
		return errs.Newf("", "", errs.Conflict, "it was changed by version %d", n.version)
	}
	return nil
}

// set puts a node in its place.
func set(nodes map[string]node, at string, n node, version uint64) error {
	if at != "" && nodes[parent(at)].kind != api.Dir {
		return errs.New("", "", errs.NotFound, errors.New("there is no directory above"))
	}
	if before := nodes[at]; before.kind != "" && (before.kind == api.Dir) != (n.kind == api.Dir) {
		return errs.New("", "", errs.Conflict, errors.New("a "+string(before.kind)+" is in the way"))
	}
	n.version = version
	nodes[at] = n
	return nil
}

func parent(at string) string { return strings.TrimSuffix(path.Dir(at), "/") }

// PutTree implements api.Backend.
func (f *Fake) PutTree(ctx context.Context, r api.PutTreeRequest, tree api.TreeReader) (api.PutResult, error) {
	entries, total, err := readTree(ctx, tree)
	if err != nil {
		return api.PutResult{}, errs.Wrap("put", r.Dest, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.destination(r.Dest, r.Name, false)
	if err != nil {
		return api.PutResult{}, errs.Wrap("put", r.Dest, err)
	}
	result, err := f.commit(ctx, p, r.Until, func(nodes map[string]node, version uint64) error {
		if err := guard(nodes[p.path], r.IfVersion, r.IfAbsent); err != nil {
			return err
		}
		for _, e := range entries {
			if e.gone {
				removeBelow(nodes, p.path+e.at)
				delete(nodes, p.path+e.at)
				continue
			}
			if err := set(nodes, p.path+e.at, e.node, version); err != nil {
				return errs.Wrap("", e.at, err)
			}
		}
		return nil
	})
	result.Bytes, result.SentBytes = total, 2*total
	return result, err
}

type treeNode struct {
	at string
	node
	gone bool
}

func readTree(ctx context.Context, tree api.TreeReader) (entries []treeNode, total int64, err error) {
	for {
		e, err := tree.Next()
		if err == io.EOF {
			return entries, total, nil
		}
		if err != nil {
			return nil, 0, err
		}
		n := node{kind: e.Kind, mode: e.Mode, modTime: e.ModTime, target: e.Target}
		if n.content, err = readAll(ctx, tree); err != nil {
			return nil, 0, err
		}
		total += int64(len(n.content))
		at := ""
		if e.Path != "" {
			at = "/" + string(e.Path)
		}
		entries = append(entries, treeNode{at, n, e.Gone})
	}
}

func removeBelow(nodes map[string]node, at string) {
	for other := range nodes {
		if strings.HasPrefix(other, at+"/") {
			delete(nodes, other)
		}
	}
}

// Mkdir implements api.Backend.
func (f *Fake) Mkdir(ctx context.Context, r api.MkdirRequest) (api.PutResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.resolve(r.Ref)
	if err != nil {
		return api.PutResult{}, errs.Wrap("mkdir", r.Ref, err)
	}
	dir := node{kind: api.Dir, mode: r.Mode, modTime: time.Now().UTC()}
	return f.commit(ctx, p, r.Until, func(nodes map[string]node, version uint64) error {
		if !r.Parents && nodes[p.path].kind != "" {
			return errs.New("", "", errs.Conflict, errors.New("it exists"))
		}
		for i := range p.path {
			if above := p.path[:i]; i > 0 && p.path[i] == '/' && r.Parents && nodes[above].kind == "" {
				if err := set(nodes, above, dir, version); err != nil {
					return err
				}
			}
		}
		if nodes[p.path].kind == api.Dir {
			return nil
		}
		return set(nodes, p.path, dir, version)
	})
}

// Remove implements api.Backend.
func (f *Fake) Remove(ctx context.Context, r api.RemoveRequest) (api.PutResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.resolve(r.Ref)
	if err != nil {
		return api.PutResult{}, errs.Wrap("remove", r.Ref, err)
	}
	return f.commit(ctx, p, r.Until, func(nodes map[string]node, _ uint64) error {
		n, ok := nodes[p.path]
		if !ok {
			return errs.New("", "", errs.NotFound, errors.New("no such entry"))
		}
		if p.path == p.root {
			return errs.New("", "", errs.Usage, errors.New("a root cannot be removed"))
		}
		if err := guard(n, r.IfVersion, false); err != nil {
			return err
		}
		size := len(nodes)
		removeBelow(nodes, p.path)
		if !r.Recursive && len(nodes) != size {
			return errs.New("", "", errs.Conflict, errors.New("the directory is not empty"))
		}
		delete(nodes, p.path)
		return nil
	})
}
