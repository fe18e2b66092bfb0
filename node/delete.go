package node

import (
	"context"
	"errors"
	"slices"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/update"
)

// isDeleted reports whether a head is that of a deleted object.
func isDeleted(h bft.Head) bool { return h.Commit != nil && update.IsDeleted(h.Commit.Decision.State) }

// DeleteVolume implements api.Backend.
func (b backend) DeleteVolume(ctx context.Context, r api.DeleteVolumeRequest) (api.DeletedVolume, error) {
	t, p, err := b.place(ctx, r.Ref, false)
	if err == nil && (t.Path != "" || !t.Version.IsNewest()) {
		err = errs.Hint(errs.Newf("delete volume", r.Ref, errs.Usage, "a volume is deleted as a whole"),
			"peerctl rm removes entries, peerctl prune forgets versions")
	}
	if err != nil {
		return api.DeletedVolume{}, err
	}
	out := api.DeletedVolume{Object: p.Object.String(), Petnames: []string{}}
	deleted, err := b.gateway.Delete(ctx, p.Object)
	before := errors.Is(err, objects.ErrDeleted)
	if err != nil && !before {
		return out, err
	}
	// The names go first: a crash from here on leaves the rest to the ring.
	petnames, forgetErr := b.volumes.forget(p.Object)
	if out.Petnames = petnames; forgetErr != nil {
		return out, forgetErr
	}
	if before {
		if len(petnames) > 0 {
			err = nil // a crash had left them
		}
		return out, err
	}
	out.Version = uint64(deleted.Version)
	if err := b.tellDeleted(ctx, p.Object, deleted, &out); err != nil {
		return out, err
	}
	if err := b.ring.Archive(ctx, p.Object); err != nil {
		if ctx.Err() != nil {
			return out, err
		}
		api.Note(ctx, "that it is deleted could not be published yet (%v); the peers that ordered it will", err)
	}
	return out, nil
}

// tellDeleted tells those who took shares when they were stored. All others, and
// those that do not answer, hear of it from the ring's members.
func (b backend) tellDeleted(ctx context.Context, object wire.ObjectID, deleted objects.Deleted, out *api.DeletedVolume) error {
	k, err := b.ring.newest(ctx, object)
	if err != nil {
		return err
	}
	proof, err := bareHead(k)
	if err != nil {
		return err
	}
	teller := transfer.Custodian{Network: network{b.host, b.census.Lost}}
	d := transfer.Deletion{Object: object, Word: deleted.Word, Proof: proof}
	t := b.tellHolders(ctx, "deleting", deleted.Holders, func(peer wire.PeerID) (uint64, error) {
		return teller.TellDeleted(ctx, peer, d)
	})
	out.FreedBytes, out.Holders, out.Silent = t.freed, t.holders, t.silent
	return context.Cause(ctx)
}

// forget drops all petnames of an object, and returns them.
func (v *volumes) forget(object wire.ObjectID) (petnames []string, err error) {
	petnames = []string{}
	err = v.change(func(k *envelope.Keyring) error {
		for _, volume := range slices.Clone(k.Volumes()) {
			if volume.Object != object {
				continue
			}
			if _, err := k.Remove(volume.Petname); err != nil {
				return err
			}
			petnames = append(petnames, volume.Petname)
		}
		return nil
	})
	return petnames, err
}

// Delete implements transfer.Releasing: what the owner has signed and his ring has
// certified. Neither is enough alone.
func (r releasing) Delete(ctx context.Context, d transfer.Deletion) (uint64, error) {
	head, v, err := verifyHead(d.Object, d.Proof)
	if err == nil && !update.IsDeleted(v.Decision.State) {
		err = errors.New("the head record is not that of a deleted object")
	}
	if err == nil {
		err = update.VerifyDeletion(d.Word, d.Object, head.Genesis.Body.Owner)
	}
	if err != nil {
		return 0, errs.New("delete", d.Object.String(), errs.Refused, err)
	}
	bytes, err := r.n.shares.ReleaseObject(d.Object)
	if err == nil && bytes > 0 { // nobody leads this peer back with an older head
		_, err = r.n.ring.keep(ctx, d.Object, d.Proof, head, v)
	}
	return bytes, err
}
