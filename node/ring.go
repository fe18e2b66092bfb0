package node

import (
	"context"
	"errors"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/dht"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/update"
)

// headLookupMax is how long a read waits for the DHT to tell the newest head.
const headLookupMax = 20 * time.Second

// ring is the gateway's way to the rings on this peer and to the heads that
// others published.
type ring struct {
	rings    *runner.Host
	dht      *dht.DHT
	archiver *archive.Archiver
	others   func() int // how many other peers are known and answer
}

// Submit has an update ordered.
func (r *ring) Submit(ctx context.Context, object wire.ObjectID, signed []byte) (objects.Ordered, error) {
	reply, err := r.rings.Submit(ctx, object, signed)
	if errors.Is(err, runner.ErrUnknownObject) {
		return objects.Ordered{}, errElsewhere(object)
	}
	if err != nil {
		return objects.Ordered{}, errs.Wrap("order update", object.String(), err)
	}
	api.Report(ctx, api.Progress{Phase: "ordering", Unit: "updates"})
	outcome, err := update.ParseOutcome(reply.Outcome)
	return objects.Ordered{Version: reply.Version, Outcome: outcome}, err
}

func errElsewhere(object wire.ObjectID) error {
	return errs.Hint(
		errs.New("order update", object.String(), errs.NoQuorum, errors.New("no member of its ring can be reached from this peer")),
		"this release writes only on the peer that made the volume")
}

// writable returns an error if updates of the object cannot be ordered from
// here, so that nothing is sent to holders in vain.
func (r *ring) writable(object wire.ObjectID) error {
	_, here, err := r.rings.Head(object)
	if err == nil && !here {
		err = errElsewhere(object)
	}
	return err
}

// Head returns the newest head: the ring's own if it is here, else what the DHT
// has, which never goes back behind what this peer has seen.
func (r *ring) Head(ctx context.Context, object wire.ObjectID) (objects.Head, error) {
	if head, here, err := r.rings.Head(object); here || err != nil {
		return r.local(object, head, err)
	}
	ctx, cancel := context.WithTimeout(ctx, headLookupMax)
	defer cancel()
	value, err := r.dht.Head(ctx, object)
	if err == nil {
		return parseHead(object, value)
	}
	if errors.Is(err, dht.ErrNotFound) {
		return objects.Head{}, errs.Hint(errs.New("find head", object.String(), errs.NotFound, err),
			"check the reference, and with peerctl peers that this peer has joined the network where the object is")
	}
	return objects.Head{}, errs.Wrap("find head", object.String(), err)
}

func (r *ring) local(object wire.ObjectID, head bft.Head, err error) (objects.Head, error) {
	if err != nil {
		return objects.Head{}, errs.Wrap("read head", object.String(), err)
	}
	verified, err := head.Verify(object)
	if err != nil {
		return objects.Head{}, errs.New("read head", object.String(), errs.Damaged, err)
	}
	return exportHead(verified), nil
}

func exportHead(v bft.Verified) objects.Head {
	return objects.Head{Version: v.Decision.Version, Root: v.Decision.State, Time: time.UnixMilli(v.Decision.TimeUnixMilli)}
}

// parseHead reads a head record.
func parseHead(object wire.ObjectID, value []byte) (objects.Head, error) {
	head, verified, err := verifyHead(object, value)
	if err != nil {
		return objects.Head{}, errs.New("read head", object.String(), errs.Damaged, err)
	}
	h := exportHead(verified)
	if len(head.Hint) > 0 {
		// A bad hint can only make a reader look in vain; what is in the local
		// store can still be read.
		h.Hint, _ = archive.ParseHint(head.Hint)
	}
	return h, nil
}

// Archive returns when the versions up to now can be read without this peer.
func (r *ring) Archive(ctx context.Context, object wire.ObjectID) error {
	head, here, err := r.rings.Head(object)
	if err != nil || !here {
		return err
	}
	hint, err := r.archiver.Archive(ctx, object)
	if err != nil {
		return err
	}
	if r.others() == 0 {
		return nil // there is nobody to tell
	}
	head.Hint = hint.Encode()
	value, err := head.Encode()
	if err != nil {
		return err
	}
	confirmed, err := r.dht.PutHead(ctx, object, value)
	if needed := headCopies(r.others()); err == nil && confirmed < needed {
		err = errs.Newf("publish head", object.String(), errs.TooFew, "%d peers confirmed it, %d are needed", confirmed, needed)
	}
	if errors.Is(err, dht.ErrOlder) {
		return nil // a later version was archived and published meanwhile
	}
	return err
}

// headCopiesMin is how many peers must have confirmed a head record before this
// peer may die. The DHT tries twenty.
const headCopiesMin = 4

// headCopies is headCopiesMin, or half of the others where there are few: some
// of them may not serve the DHT.
func headCopies(others int) int { return min(headCopiesMin, (others+1)/2) }

// archives tells where the nodes of an object are archived by now.
func (r *ring) archives(ctx context.Context, object wire.ObjectID) ([]transfer.Source, error) {
	var hint archive.Hint
	if _, here, err := r.rings.Head(object); err != nil {
		return nil, err
	} else if here {
		if hint, err = r.archiver.Hint(object); err != nil {
			return nil, err
		}
	} else {
		head, err := r.Head(ctx, object)
		if err != nil {
			return nil, err
		}
		hint = head.Hint
	}
	sources := make([]transfer.Source, len(hint.Extents))
	for i := range sources {
		sources[i] = hint.Source(i)
	}
	return sources, nil
}

// headRule judges the head records of the DHT.
type headRule struct{}

func (headRule) Check(object wire.ObjectID, value []byte) error {
	_, _, err := verifyHead(object, value)
	return err
}

func (headRule) Newer(object wire.ObjectID, a, b []byte) bool {
	_, x, errX := verifyHead(object, a)
	_, y, errY := verifyHead(object, b)
	if errX != nil || errY != nil {
		return errX == nil
	}
	return bft.Compare(x, y) > 0
}

// verifyHead checks a head record, every signature of it.
func verifyHead(object wire.ObjectID, value []byte) (bft.Head, bft.Verified, error) {
	head, err := bft.ParseHead(value)
	if err != nil {
		return bft.Head{}, bft.Verified{}, err
	}
	v, err := head.Verify(object)
	return head, v, err
}
