package ringuser

import (
	"context"
	"crypto/rand"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/update"
	"golang.org/x/sync/errgroup"
)

// Found makes an object that the peers order, with a new owner.
func (u *User) Found(ctx context.Context, label string, peers []wire.PeerID) (*Object, error) {
	owner, err := newKey()
	if err != nil {
		return nil, err
	}
	members := make([]bft.Member, len(peers))
	err = each(ctx, peers, func(ctx context.Context, i int) error {
		r, err := ringnet.Ask[ringnet.Reserved](ctx, u.calls, peers[i], ringnet.KindReserve, ringnet.Reserve{Owner: owner.Public()})
		members[i] = bft.Member{Peer: peers[i], Key: r.Key}
		return err
	})
	if err != nil {
		return nil, errs.Wrap("reserve ring keys", "", err)
	}
	genesis, err := u.agree(ctx, owner, label, members)
	if err != nil {
		return nil, err
	}
	err = each(ctx, peers, func(ctx context.Context, i int) error {
		_, err := ringnet.Ask[ringnet.Done](ctx, u.calls, peers[i], ringnet.KindFound, ringnet.Found{Genesis: genesis})
		return err
	})
	if err != nil {
		return nil, errs.Wrap("begin ring", "", err)
	}
	return newObject(u, owner, genesis)
}

// agree has the members accept a genesis.
func (u *User) agree(ctx context.Context, owner wire.Key, label string, members []bft.Member) (bft.Genesis, error) {
	var salt [16]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return bft.Genesis{}, err
	}
	policy := update.DefaultPolicy()
	policy.RingSize = uint8(len(members))
	body := bft.NewGenesisBody(owner.Public(), label, salt, policy.Encode(), members)
	signatures := make([]wire.Signature, len(members))
	err := each(ctx, members, func(ctx context.Context, i int) error {
		a, err := ringnet.Ask[ringnet.Accepted](ctx, u.calls, members[i].Peer, ringnet.KindAccept, ringnet.Accept{Body: body})
		signatures[i] = a.Signature
		return err
	})
	if err != nil {
		return bft.Genesis{}, errs.Wrap("accept genesis", "", err)
	}
	g := bft.NewGenesis(owner, body, signatures)
	_, err = g.Verify()
	return g, err
}

// each does something for all elements at once.
func each[T any](ctx context.Context, all []T, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range all {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}
