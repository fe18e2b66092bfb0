package main

import (
	"context"
	"fmt"
	"time"

	"github.com/atollnet/atoll/internal/api"
)

// replaceMember puts another peer in the place of a member of a ring.
func (a *app) replaceMember(ctx context.Context, arg, peer string) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	r, err := a.peerd.ReplaceMember(a.listening(ctx), api.ReplaceRequest{Ref: ref, Peer: peer})
	if err != nil {
		return err
	}
	return a.show(r, func() error { return a.printRing(r) })
}

// recoverRing makes a new ring in the place of a lost one, after saying what that
// may discard.
func (a *app) recoverRing(ctx context.Context, arg string, yes bool) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	left, err := a.peerd.Recoverable(ctx, api.RingRequest{Ref: ref})
	if err != nil {
		return err
	}
	fmt.Fprintln(a.err, loss(left))
	if !yes {
		if err := a.confirm("make a new ring that goes on from version %d?", left.From); err != nil {
			return err
		}
	}
	r, err := a.peerd.RecoverRing(a.listening(ctx), api.RecoverRequest{Ref: ref, From: left.From})
	if err != nil {
		return err
	}
	return a.show(r, func() error { return a.printRing(r) })
}

// loss says what going on from what is left may discard.
func loss(left api.Recoverable) string {
	from := fmt.Sprintf("version %d", left.From)
	if !left.Time.IsZero() {
		from += " of " + left.Time.Local().Format(time.DateTime)
	}
	text := fmt.Sprintf("%d of %d members answer, and %d must; the newest version found is %s.\n", left.Answering, left.Members, left.Quorum, from)
	switch {
	case left.DiscardMax < 0:
		return text + "Later ones, if there are any, are discarded for good: too few members are left to tell."
	case left.DiscardMax == 1:
		return text + fmt.Sprintf("Version %d, if it was acknowledged, is discarded for good.", left.From+1)
	}
	return text + fmt.Sprintf("Versions %d to %d, if they were acknowledged, are discarded for good.", left.From+1, left.From+uint64(left.DiscardMax))
}
