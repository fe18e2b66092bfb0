// Package ringuser plays users of rings who have no peer of their own: they
// found objects, sign updates, have members order them, and check every
// certificate. Loads and chaos are made of them, because one program can be
// thousands of authors, and because they believe no member.
//
// It must never take an answer for an update's without its proof, nor let two
// certificates of one version pass unseen.
package ringuser

import (
	"context"
	"crypto/rand"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/testnet"
)

// User is one end of the network and all the authors behind it. It is safe for
// concurrent use.
type User struct {
	host  *p2p.Host
	calls *ringnet.Client
}

// New returns a user who is connected to the peers, all of which must run.
func New(ctx context.Context, peers []testnet.Peer) (*User, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	host, err := p2p.New(p2p.Config{Key: key})
	if err != nil {
		return nil, err
	}
	u := &User{host: host, calls: ringnet.NewClient(host)}
	for _, p := range peers {
		if _, err := host.Connect(ctx, p.Address+"/p2p/"+p.ID); err != nil {
			u.Close()
			return nil, errs.Wrap("connect to peer", p.ID, err)
		}
	}
	return u, nil
}

// Close ends the user's connections.
func (u *User) Close() {
	u.calls.Close()
	u.host.Close()
}

func newKey() (wire.Key, error) {
	var seed [32]byte
	_, err := rand.Read(seed[:])
	return wire.NewKey(seed), err
}
