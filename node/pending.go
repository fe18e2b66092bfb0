package node

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/outbox"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/envelope"
)

const (
	// pendingTick is how often it is tried whether what waits can be ordered.
	pendingTick = 2 * time.Second
	// pendingTimeMax is how long one of them may take.
	pendingTimeMax = 10 * time.Minute
	// pendingTries is how often a conflict is looked at again.
	pendingTries = 2
	// contactFresh is how long an answer of a ring's member counts as that the
	// ring can be reached.
	contactFresh = 10 * time.Second
)

// The verbs that may wait: those that change one entry, so that it can be said
// whether somebody else has changed it.
const (
	verbPut    = "put"
	verbMkdir  = "mkdir"
	verbRemove = "rm"
)

// contacts remembers which rings have just been reached.
type contacts struct {
	mu   sync.Mutex
	last map[wire.ObjectID]time.Time // at most as many as the user's volumes, and some
}

// contactsMax bounds the table; one that is full is begun anew.
const contactsMax = 1024

func (c *contacts) note(object wire.ObjectID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || len(c.last) >= contactsMax {
		c.last = make(map[wire.ObjectID]time.Time)
	}
	c.last[object] = time.Now()
}

func (c *contacts) fresh(object wire.ObjectID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.last[object]) < contactFresh
}

// cutOff reports whether this peer knows an object's ring and reaches no member
// of it but itself, and the newest version that it has seen. A ring that is
// reached in part is another matter: whoever writes then waits for its quorum.
func (n *Node) cutOff(ctx context.Context, object wire.ObjectID) (seen wire.Version, cut bool) {
	if n.contacts.fresh(object) {
		return 0, false
	}
	k, err := n.ring.find(ctx, object)
	if err != nil {
		return 0, false // the change itself says why
	}
	if k.verified.Ring.Index(n.host.Self()) >= 0 && k.verified.Ring.Quorum() == 1 {
		return 0, false
	}
	var others []wire.PeerID
	for _, m := range k.verified.Ring.Members {
		if m.Peer != n.host.Self() {
			others = append(others, m.Peer)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, headAskMax)
	defer cancel()
	_, _, err = inTurn(ctx, turns{patience: time.Millisecond}, others, errs.NoQuorum, func(ctx context.Context, p wire.PeerID) (ringnet.Record, error) {
		return ringnet.Ask[ringnet.Record](ctx, n.calls, p, ringnet.KindHead, ringnet.OfObject{Object: object})
	})
	if err != nil {
		return k.verified.Decision.Version, true
	}
	n.contacts.note(object)
	return 0, false
}

// keep lets a change wait. request is what the API got.
func (b backend) keep(verb, dest string, request any, object wire.ObjectID, seen wire.Version, content io.Reader) (api.PutResult, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return api.PutResult{}, err
	}
	item, err := b.outbox.Add(outbox.Item{
		Verb: verb, Request: text, Dest: dest, Object: object.String(), Base: uint64(seen), Made: time.Now().UTC(),
	}, content)
	return api.PutResult{Object: object.String(), Version: item.Base, Bytes: item.Bytes, State: api.Pending, Pending: item.ID}, err
}

// drainPending has what waits ordered as soon as it can be.
func (n *Node) drainPending(ctx context.Context) error {
	tick := time.NewTicker(pendingTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			n.drainOnce(ctx)
		}
	}
}

// drainOnce tries each change once, in their order; behind one that cannot be
// ordered now those of the same volume wait.
func (n *Node) drainOnce(ctx context.Context) {
	blocked := make(map[string]bool)
	for _, item := range n.outbox.List() {
		if item.Reason != "" || blocked[item.Object] || ctx.Err() != nil {
			continue
		}
		done, err := n.apply(ctx, item)
		if err == nil && !done {
			blocked[item.Object] = true
		}
		if err != nil {
			n.log.Error("pending change", "id", item.ID, "error", err)
			blocked[item.Object] = true
		}
	}
}

// apply has one change ordered, or keeps it aside. It is not done while the ring
// cannot be reached or does not get anywhere.
func (n *Node) apply(ctx context.Context, item outbox.Item) (done bool, err error) {
	object, err := wire.ParseObjectID(item.Object)
	if err != nil {
		return false, err
	}
	if _, cut := n.cutOff(ctx, object); cut {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, pendingTimeMax)
	defer cancel()
	r, err := backend{n}.replay(ctx, item)
	for range pendingTries { // a ring may see a change where there was none, nearby
		if err == nil || errs.KindOf(err) != errs.Conflict {
			break
		}
		r, err = backend{n}.replay(ctx, item)
	}
	switch errs.KindOf(err) {
	case errs.Conflict, errs.Refused, errs.NotFound, errs.Usage, errs.Damaged:
		if err != nil {
			item.Reason = err.Error()
			return true, n.outbox.Update(item)
		}
	}
	if err != nil {
		n.log.Debug("pending change", "id", item.ID, "error", err)
		return false, nil
	}
	if err := n.outbox.Remove(item.ID); err != nil {
		return true, err
	}
	return true, n.rebase(item, r.Version)
}

// rebase tells later changes of the same entry by the same user that he has seen
// what became of the earlier one.
func (n *Node) rebase(done outbox.Item, version uint64) error {
	for _, later := range n.outbox.List() {
		if later.Object == done.Object && later.Dest == done.Dest && later.Reason == "" && later.ID > done.ID {
			later.Base = max(later.Base, version)
			if err := n.outbox.Update(later); err != nil {
				return err
			}
		}
	}
	return nil
}

// replay does a change as if it were asked for now, on the condition that what it
// changes is what the user had seen.
func (b backend) replay(ctx context.Context, item outbox.Item) (r api.PutResult, err error) {
	switch item.Verb {
	case verbPut:
		return again(item, func(q api.PutRequest) (api.PutResult, error) { return b.replayPut(ctx, item, q) })
	case verbMkdir:
		return again(item, func(q api.MkdirRequest) (api.PutResult, error) {
			if e, err := b.statThere(ctx, item.Dest); err == nil && e.Kind == api.Dir {
				return api.PutResult{Version: e.Version}, nil // somebody else made it
			}
			q.Until = api.Ordered
			return b.mkdir(ctx, q)
		})
	}
	return again(item, func(q api.RemoveRequest) (api.PutResult, error) {
		e, err := b.statThere(ctx, item.Dest)
		if errs.KindOf(err) == errs.NotFound {
			return api.PutResult{}, nil // somebody else removed it
		}
		if err == nil && q.IfVersion == nil {
			q.IfVersion, err = unchangedSince(e, item.Base)
		}
		if err != nil {
			return r, err
		}
		q.Until = api.Ordered
		return b.remove(ctx, q)
	})
}

// again hands a change's request to what does it.
func again[Q any](item outbox.Item, do func(Q) (api.PutResult, error)) (api.PutResult, error) {
	var q Q
	if err := json.Unmarshal(item.Request, &q); err != nil {
		return api.PutResult{}, errs.New("pending change", "", errs.Damaged, err)
	}
	return do(q)
}

func (b backend) replayPut(ctx context.Context, item outbox.Item, q api.PutRequest) (api.PutResult, error) {
	dest := item.Dest
	e, err := b.statThere(ctx, dest)
	if err == nil && e.Kind == api.Dir && q.Name != "" {
		dest = strings.TrimSuffix(dest, "/") + "/" + q.Name.String()
		e, err = b.statThere(ctx, dest)
	}
	switch {
	case errs.KindOf(err) == errs.NotFound:
		if was, err := b.statThere(ctx, dest+"@"+strconv.FormatUint(item.Base, 10)); err == nil {
			return api.PutResult{}, errs.Newf("put", was.Path.String(), errs.Conflict, "somebody has removed it after version %d", item.Base)
		}
		q.IfAbsent, err = true, nil
	case err == nil && e.Kind == api.File && e.Size == item.Bytes && e.Mode == q.Mode && e.ModTime.Equal(q.ModTime) && q.Symlink == "":
		return api.PutResult{Version: e.Version}, nil // it was ordered just before a crash
	case err == nil && q.IfVersion == nil && !q.IfAbsent:
		q.IfVersion, err = unchangedSince(e, item.Base)
	}
	if err != nil {
		return api.PutResult{}, err
	}
	content, err := b.outbox.Content(item)
	if err != nil {
		return api.PutResult{}, err
	}
	defer content.Close()
	q.Until = api.Ordered
	return b.put(ctx, q, content)
}

// unchangedSince returns the condition under which an entry is what the user had
// seen: that nobody changes it after the version in which that was looked up.
func unchangedSince(e api.Entry, base uint64) (*uint64, error) {
	if e.Version > base {
		return nil, errs.Newf("change", e.Path.String(), errs.Conflict, "it changed in version %d, after %d", e.Version, base)
	}
	return &e.Snapshot, nil
}

func (b backend) statThere(ctx context.Context, dest string) (api.Entry, error) {
	return b.Stat(ctx, api.ReadRequest{Ref: dest})
}

// destText is what a put changes, in words of the user.
func destText(r api.PutRequest) string {
	if strings.HasSuffix(r.Dest, "/") {
		return r.Dest + r.Name.String()
	}
	return r.Dest
}

// Pending implements api.Backend.
func (b backend) Pending(context.Context) ([]api.PendingChange, error) {
	all := []api.PendingChange{}
	for _, item := range b.outbox.List() {
		all = append(all, exportPending(item))
	}
	return all, nil
}

func exportPending(i outbox.Item) api.PendingChange {
	dest := i.Dest
	if t, err := envelope.ParseTarget(dest); err == nil && t.Kind == envelope.TargetReference {
		dest = "atoll:" + i.Object[:8] + "…" + api.Path("/"+t.Path).String()
	}
	return api.PendingChange{ID: i.ID, Verb: i.Verb, Dest: dest, Made: i.Made, Base: i.Base, Bytes: i.Bytes, Reason: i.Reason}
}

// PendingContent implements api.Backend.
func (b backend) PendingContent(_ context.Context, r api.PendingRequest) (io.ReadCloser, error) {
	item, err := b.outbox.Find(r.ID)
	if err == nil && item.Verb != verbPut {
		err = errs.Newf("read pending change", item.Dest, errs.Usage, "it has no content")
	}
	if err != nil {
		return nil, err
	}
	return b.outbox.Content(item)
}

// DropPending implements api.Backend.
func (b backend) DropPending(_ context.Context, r api.PendingRequest) (api.PendingChange, error) {
	item, err := b.outbox.Find(r.ID)
	if err == nil {
		err = b.outbox.Remove(r.ID)
	}
	return exportPending(item), err
}
