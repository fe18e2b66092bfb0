package runner

import (
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// Head returns the newest head of an object that this peer has as a member of
// its ring, or had as one: the chain of rings begins where the owner has last
// endorsed one. The hint is the caller's to add. False: this peer was never a
// member.
func (h *Host) Head(object wire.ObjectID) (head bft.Head, found bool, err error) {
	return h.head(object, true)
}

// Chain returns the same head with the link to the present ring in any case,
// for a peer that is to Join.
func (h *Host) Chain(object wire.ObjectID) (head bft.Head, found bool, err error) {
	return h.head(object, false)
}

func (h *Host) head(object wire.ObjectID, shortest bool) (head bft.Head, found bool, err error) {
	err = h.Store.View(func(r kv.Reader) error {
		stands, ok, err := getStanding(r, object)
		if !ok || err != nil {
			return err
		}
		found = true
		head, err = getHead(r, stands, shortest)
		return err
	})
	return head, found && err == nil, err
}

func getHead(r kv.Reader, s standing, shortest bool) (bft.Head, error) {
	object := s.ring.Object
	v, err := getVersion(r, object)
	if err != nil {
		return bft.Head{}, err
	}
	commit, err := getCommit(r, object, v)
	if err != nil {
		return bft.Head{}, err
	}
	if commit != nil && commit.Decision.Ring != s.ring.ID() {
		commit = nil // the epoch begins with it, and the link leads there
	}
	head := bft.NewHead(s.origin.Genesis, commit)
	if err := addChain(r, s, &head, shortest && commit != nil); err != nil {
		return bft.Head{}, err
	}
	if len(head.Links) > bft.LinksMax {
		return bft.Head{}, fmt.Errorf("%w: %d rings since the owner endorsed one, limit %d", ErrChainLong, len(head.Links), bft.LinksMax)
	}
	return head, nil
}

// addChain walks from the present ring back to the genesis, or to an endorsed
// ring; to that of the present epoch only if alone says that it will do.
func addChain(r kv.Reader, s standing, head *bft.Head, alone bool) error {
	for at := s.ring; at.Epoch > 1; {
		e, found, err := get(r, endorseKey(at.Object, at.Epoch), as[bft.Endorsement](endorseBytesMax))
		if err != nil {
			return err
		}
		if found && e.Ring.ID() == at.ID() && (alone || len(head.Links) > 0 && head.Links[0].Commit != nil) {
			head.Base = &e
			return nil
		}
		l, found, err := getLink(r, at.Object, at.Epoch, at.ID())
		if err == nil && !found {
			err = fmt.Errorf("%w: link to epoch %d of %v is gone", errRecord, at.Epoch, at.Object)
		}
		if err != nil {
			return err
		}
		head.Links = append([]bft.Link{l}, head.Links...)
		if at, err = getRing(r, s.origin.Genesis.Body, at.Epoch-1, at.Previous); err != nil {
			return err
		}
	}
	return nil
}
