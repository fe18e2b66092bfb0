package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
)

// step is one thing that the demonstration does. Steps run in order; the
// first that fails ends the run.
type step struct {
	name string
	do   func(context.Context, *run) (done, error)
}

// done is what a step has to show.
type done struct {
	bytes  int64 // moved or compared; 0: does not apply
	peers  int   // taking part; 0: does not apply
	memory int64 // bytes resident; 0: does not apply
	result string
}

// steps is the demonstration. What later work can show becomes a step here.
var steps = []step{
	{"build the programs", build},
	{"start the peers, until all know each other", start},
	{"write the large file", write},
	{"put the tree", func(ctx context.Context, r *run) (done, error) { return r.put(ctx, &r.tree, "-r") }},
	{"put the file", func(ctx context.Context, r *run) (done, error) { return r.put(ctx, &r.file) }},
	{"change a file, look back, restore it", editAndRestore},
	{"share with another peer, who writes too", share},
	{"name the tree", name},
	{"put while the ring's leader is killed", leaderDies},
	{"kill peers, the one that put among them", kill},
	{"resolve a dead peer's name elsewhere", resolve},
	{"get a file by that name", getByName},
	{"get the tree elsewhere", func(ctx context.Context, r *run) (done, error) { return r.get(ctx, r.tree, "-r") }},
	{"get the file elsewhere", func(ctx context.Context, r *run) (done, error) { return r.get(ctx, r.file) }},
	{"compare the tree", compareTree},
	{"compare the file", compareFile},
	{"wait until what the dead held is rebuilt", heal},
	{"kill more peers", killMore},
	{"get the file on a third peer", getAgain},
	{"compare it again", compareFile},
}

func build(ctx context.Context, r *run) (_ done, err error) {
	if r.Programs.Peerd == "" {
		r.Programs, err = testnet.Programs(ctx, r.path("bin"), r.Line.Show)
	}
	return done{}, err
}

func start(ctx context.Context, r *run) (_ done, err error) {
	r.network, err = testnet.Up(ctx, testnet.Config{
		Dir: r.path("net"), Peers: r.Peers, Peerd: r.Programs.Peerd,
		Names: true, Tied: true, WaitMax: startMax, Progress: r.Line.Show,
	})
	if err != nil {
		return done{}, err
	}
	return done{peers: r.Peers, memory: r.meanMemory()}, nil
}

// write makes the large file, as a stream, and measures the tree.
func write(_ context.Context, r *run) (done, error) {
	f, err := os.Create(r.file.source)
	if err != nil {
		return done{}, err
	}
	defer f.Close()
	sum := sha256.New()
	r.file.bytes, err = io.Copy(io.MultiWriter(f, sum), io.LimitReader(source(r.Seed, "content"), r.Bytes))
	if err != nil {
		return done{}, err
	}
	r.file.sum = sum.Sum(nil)
	if r.tree.bytes, err = treeBytes(r.tree.source); err != nil {
		return done{}, err
	}
	return done{bytes: r.file.bytes}, f.Close()
}

// treeBytes returns the bytes of all regular files below root.
func treeBytes(root string) (total int64, err error) {
	err = filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

func (r *run) put(ctx context.Context, it *item, flags ...string) (done, error) {
	stored, err := r.user(r.plan.putter).Put(ctx, it.source, "home:/"+filepath.Base(it.fetched), flags...)
	if err != nil {
		return done{}, err
	}
	it.reference = stored.Reference
	return done{bytes: it.bytes, peers: stored.Holders, memory: r.peakMemory(r.plan.putter), result: stored.State}, nil
}

func kill(ctx context.Context, r *run) (done, error) {
	if err := r.spare(ctx); err != nil {
		return done{}, err
	}
	return done{peers: len(r.plan.dead)}, r.network.Kill(r.plan.dead...)
}

func (r *run) get(ctx context.Context, it item, flags ...string) (done, error) {
	if err := os.MkdirAll(filepath.Dir(it.fetched), 0o755); err != nil {
		return done{}, err
	}
	err := r.user(r.plan.getter).Get(ctx, it.reference, it.fetched, flags...)
	return done{bytes: it.bytes, peers: r.Peers - len(r.plan.dead), memory: r.peakMemory(r.plan.getter)}, err
}

func compareTree(_ context.Context, r *run) (done, error) {
	entries, err := sameTree(r.tree.source, r.tree.fetched)
	return done{bytes: r.tree.bytes, result: countEntries(entries)}, err
}

func compareFile(_ context.Context, r *run) (done, error) {
	f, err := os.Open(r.file.fetched)
	if err != nil {
		return done{}, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return done{}, err
	}
	if !bytes.Equal(sum.Sum(nil), r.file.sum) {
		return done{}, errs.Newf("compare", r.file.fetched, errs.Damaged, "what came back is not what was stored")
	}
	return done{bytes: r.file.bytes, result: "identical"}, nil
}
