package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
)

// leaderBytes is the size of the file that is put while the ring's leader dies:
// it takes longer to store than to kill a process.
const leaderBytes = 8 << 20

// ring is what `peerctl ring --json` says.
type ring struct {
	Leader  string `json:"leader"`
	View    uint64 `json:"view"`
	Members []struct {
		Peer string `json:"peer"`
	} `json:"members"`
}

func ringOf(ctx context.Context, u testnet.User, ref string) (r ring, err error) {
	out, err := u.Run(ctx, "ring", "--json", ref)
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	return r, err
}

// leaderDies kills the leader of the volume's ring while a file is being put,
// starts it again, and fetches the file elsewhere. In a ring of one, or if the
// one who puts leads, nobody is killed.
func leaderDies(ctx context.Context, r *run) (done, error) {
	content, err := io.ReadAll(io.LimitReader(source(r.Seed, "leader"), min(leaderBytes, r.Bytes)))
	if err != nil {
		return done{}, err
	}
	from, to := r.path("leader"), r.path("fetched", "leader")
	if err := errors.Join(os.WriteFile(from, content, 0o644), os.MkdirAll(filepath.Dir(to), 0o755)); err != nil {
		return done{}, err
	}
	putter := r.user(r.plan.putter)
	before, err := ringOf(ctx, putter, "home:")
	if err != nil {
		return done{}, err
	}
	leader, err := r.victim(before)
	if err != nil {
		return done{}, err
	}
	began := time.Now()
	put := make(chan error, 1)
	var kept testnet.UserStored
	go func() {
		var err error
		kept, err = putter.Put(ctx, from, "home:/leader")
		put <- err
	}()
	result := fmt.Sprintf("nobody killed, a ring of %d", len(before.Members))
	if leader >= 0 {
		err = r.network.Kill(leader)
	}
	if putErr := <-put; err == nil {
		err = putErr
	}
	took := time.Since(began)
	if err == nil && leader >= 0 {
		result = fmt.Sprintf("peer %d killed, put in %s", leader, seconds(took))
		err = r.network.Start(ctx, leader)
	}
	if err != nil {
		return done{}, err
	}
	if err := r.user(r.plan.getter).Get(ctx, kept.Reference, to); err != nil {
		return done{}, err
	}
	if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
		return done{}, errs.New("compare", to, errs.Damaged, err)
	}
	return done{bytes: int64(len(content)), peers: kept.Holders, result: result}, nil
}

// victim returns the peer that leads a ring, if the ring can do without it and
// nobody needs it: -1 if not.
func (r *run) victim(of ring) (int, error) {
	peers, err := r.network.Peers()
	if err != nil {
		return 0, err
	}
	leader := slices.IndexFunc(peers, func(p testnet.Peer) bool { return p.ID == of.Leader })
	if len(of.Members) < 4 || leader == r.plan.putter {
		leader = -1
	}
	return leader, nil
}
