package demo

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
)

// The directory that two people write, and the file in it.
const (
	sharedDir  = "home:/shared"
	sharedFile = sharedDir + "/notes"
)

// editAndRestore changes a file, looks at its history, and makes it what it was.
func editAndRestore(ctx context.Context, r *run) (done, error) {
	u := r.user(r.plan.putter)
	if _, err := u.Run(ctx, "mkdir", sharedDir); err != nil {
		return done{}, err
	}
	for _, text := range []string{"first\n", "second\n"} {
		if err := r.write(ctx, u, sharedFile, text); err != nil {
			return done{}, err
		}
	}
	authors, err := logOf(ctx, u, sharedFile)
	if err == nil && len(authors) != 2 {
		err = errs.Newf("peerctl log", sharedFile, errs.Damaged, "%d versions, two were put", len(authors))
	}
	if err == nil {
		err = r.reads(ctx, u, sharedFile+"@-1", "first\n")
	}
	if err == nil {
		_, err = u.Run(ctx, "restore", sharedFile+"@-1")
	}
	if err == nil {
		err = r.reads(ctx, u, sharedFile, "first\n")
	}
	return done{result: "the version before is back"}, err
}

// share lets somebody else write in the directory through his own peer.
func share(ctx context.Context, r *run) (done, error) {
	owner, guest := r.user(r.plan.putter), r.user(r.guest())
	out, err := guest.Run(ctx, "id")
	if err != nil {
		return done{}, err
	}
	key := strings.TrimSpace(string(out))
	if out, err = owner.Run(ctx, "share", "--write", key, sharedDir); err != nil {
		return done{}, err
	}
	if _, err := guest.Run(ctx, "volume", "add", "theirs", strings.TrimSpace(string(out))); err != nil {
		return done{}, err
	}
	if err := r.comes(ctx, guest, "theirs:/notes", "first\n"); err != nil {
		return done{}, err
	}
	if err := r.write(ctx, guest, "theirs:/notes", "third\n"); err != nil {
		return done{}, err
	}
	if err := r.comes(ctx, owner, sharedFile, "third\n"); err != nil {
		return done{}, err
	}
	authors, err := logOf(ctx, owner, sharedFile)
	if err == nil && (len(authors) == 0 || authors[0] != key) {
		err = errs.Newf("peerctl log", sharedFile, errs.Damaged, "it does not name who wrote last")
	}
	return done{peers: 2, result: "the other's version is read, under his name"}, err
}

// guest is a peer other than the one that stores, and, if there are so many,
// other than the one that must see everything for the first time in the end.
func (r *run) guest() int {
	for i := range r.Peers {
		if i != r.plan.putter && (i != r.plan.getter || r.Peers == 2) {
			return i
		}
	}
	return r.plan.getter
}

// write puts a text.
func (r *run) write(ctx context.Context, u testnet.User, ref, text string) error {
	path := r.path("text")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	_, err := u.Put(ctx, path, ref)
	return err
}

// reads fetches a text and compares it.
func (r *run) reads(ctx context.Context, u testnet.User, ref, text string) error {
	to := r.path("fetched", "text")
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := u.Get(ctx, ref, to); err != nil {
		return err
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != text {
		return errs.Newf("compare", ref, errs.Damaged, "it reads %q, not %q (%v)", got, text, err)
	}
	return nil
}

// comesMax is how long a version may take to be seen at another peer.
const comesMax = 10 * time.Second

// comes is reads for what somebody else has just written.
func (r *run) comes(ctx context.Context, u testnet.User, ref, text string) error {
	late := time.After(comesMax)
	again := time.NewTicker(comesMax / 40)
	defer again.Stop()
	for {
		err := r.reads(ctx, u, ref, text)
		if err == nil {
			return nil
		}
		select {
		case <-late:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-again.C:
		}
	}
}

// log returns the authors of the versions of an entry, newest first.
func logOf(ctx context.Context, u testnet.User, ref string) (authors []string, err error) {
	out, err := u.Run(ctx, "log", "--json", ref)
	if err != nil {
		return nil, err
	}
	var log struct {
		Versions []struct {
			Author string `json:"author"`
		} `json:"versions"`
	}
	if err := json.Unmarshal(out, &log); err != nil {
		return nil, errs.New("peerctl log", ref, errs.Other, err)
	}
	for _, v := range log.Versions {
		authors = append(authors, v.Author)
	}
	return authors, nil
}
