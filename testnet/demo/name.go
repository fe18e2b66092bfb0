package demo

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
)

// The zone of the one who stores, the name that he registers for it, and what he
// puts in it: an address, and a link to the tree.
const (
	zoneLabel   = "demo"
	zoneName    = zoneLabel + "." + testnet.NamesSuffix
	hostLabel   = "www"
	hostAddress = "192.0.2.7"
	linkLabel   = "docs"
)

// name publishes names, as their owner does while he lives.
func name(ctx context.Context, r *run) (done, error) {
	u := r.user(r.plan.putter)
	for _, args := range [][]string{
		{"zone", "create", zoneLabel},
		{"set", hostLabel + "." + zoneLabel, "A", hostAddress},
		{"link", linkLabel + "." + zoneLabel, "home:/" + filepath.Base(r.tree.fetched), "--public", "--yes"},
		{"register", bare(zoneName), zoneLabel},
	} {
		if _, err := u.Run(ctx, append([]string{"name"}, args...)...); err != nil {
			return done{}, err
		}
	}
	return done{result: linkLabel + "." + bare(zoneName)}, nil
}

func bare(name string) string { return strings.TrimSuffix(name, ".") }

// resolve asks for the address at another peer's DNS port, as any program would:
// the zone's owner is dead by now.
func resolve(ctx context.Context, r *run) (done, error) {
	s, err := r.network.Ask(ctx, r.plan.getter)
	if err != nil {
		return done{}, err
	}
	began := time.Now()
	again := time.NewTicker(comesMax / 40)
	defer again.Stop()
	for {
		err := addressed(ctx, s.DNS)
		switch {
		case err == nil:
			return done{result: fmt.Sprintf("%s.%s in %d ms", hostLabel, bare(zoneName), time.Since(began).Milliseconds())}, nil
		case time.Since(began) > comesMax:
			return done{}, err
		}
		select {
		case <-ctx.Done():
			return done{}, context.Cause(ctx)
		case <-again.C:
		}
	}
}

// addressed asks once. Any answer but the right one, checked by the peer, is an
// error.
func addressed(ctx context.Context, at string) error {
	full := hostLabel + "." + zoneName
	q := new(dns.Msg).SetQuestion(full, dns.TypeA)
	q.SetEdns0(dns.DefaultMsgSize, true)
	answer, _, err := new(dns.Client).ExchangeContext(ctx, q, at)
	if err != nil {
		return errs.New("ask DNS", full, errs.Other, err)
	}
	right := slices.ContainsFunc(answer.Answer, func(rr dns.RR) bool {
		a, ok := rr.(*dns.A)
		return ok && a.A.String() == hostAddress
	})
	if !right || !answer.AuthenticatedData {
		return errs.Newf("ask DNS", full, errs.Damaged, "%s answers %s, checked: %v", at, dns.RcodeToString[answer.Rcode], answer.AuthenticatedData)
	}
	return nil
}

// getByName fetches a file of the tree through its name.
func getByName(ctx context.Context, r *run) (done, error) {
	path, err := firstFile(r.tree.source)
	if err != nil {
		return done{}, err
	}
	to := r.path("fetched", "named")
	ref := linkLabel + "." + bare(zoneName) + "/" + filepath.ToSlash(path)
	if err := r.user(r.plan.getter).Get(ctx, ref, to); err != nil {
		return done{}, err
	}
	want, err := os.ReadFile(filepath.Join(r.tree.source, path))
	if err != nil {
		return done{}, err
	}
	if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, want) {
		return done{}, errs.Newf("compare", ref, errs.Damaged, "what came by its name is not what was stored (%v)", err)
	}
	return done{bytes: int64(len(want)), result: ref}, nil
}

// firstFile returns the path, from root, of the first regular file below it that
// needs no escapes in a reference.
func firstFile(root string) (found string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if found, err = filepath.Rel(root, path); err != nil || strings.ContainsAny(found, "@%") {
			return err
		}
		return filepath.SkipAll
	})
	if err == nil && found == "" {
		err = errs.Newf("find a file", root, errs.NotFound, "the tree has none")
	}
	return found, err
}
