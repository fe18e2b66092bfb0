package ringuser

import (
	"context"
	"crypto/rand"
	"sync"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// Author signs updates of one object, with a session of its own. It is safe for
// concurrent use.
type Author struct {
	object  *Object
	key     wire.Key
	session wire.SessionID

	mu  sync.Mutex
	seq wire.Seq // the last used
}

func (o *Object) author(key wire.Key) (*Author, error) {
	a := &Author{object: o, key: key}
	_, err := rand.Read(a.session[:])
	return a, err
}

// authorsAtOnce is how many authors one update lets write: within the limit of
// actions by far.
const authorsAtOnce = 64

// Authors makes authors whom the owner lets write.
func (o *Object) Authors(ctx context.Context, n int) ([]*Author, error) {
	authors := make([]*Author, n)
	var grants []update.Action
	for i := range authors {
		key, err := newKey()
		if err != nil {
			return nil, err
		}
		if authors[i], err = o.author(key); err != nil {
			return nil, err
		}
		w := update.Writer{Rights: update.RightWrite, By: o.Owner.key.Public()}
		grants = append(grants, update.Set(update.WriterKey(key.Public()), w.Encode()))
		if len(grants) < authorsAtOnce && i < n-1 {
			continue
		}
		if _, err := o.Owner.Do(ctx, update.Clause{Actions: grants}); err != nil {
			return nil, errs.Wrap("let authors write", "", err)
		}
		grants = nil
	}
	return authors, nil
}

// Sign signs the author's next update.
func (a *Author) Sign(clauses ...update.Clause) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seq++
	return update.Sign(a.key, update.Update{
		Object: a.object.ID, Session: a.session, Seq: a.seq,
		Until: a.object.Newest() + update.SessionVersions, Clauses: clauses,
	}).Encode()
}

// Do signs an update, has it ordered and returns the version that applied it. An
// update that was not applied is an error of its reason's kind.
func (a *Author) Do(ctx context.Context, clauses ...update.Clause) (wire.Version, error) {
	got, err := a.object.Submit(ctx, a.Sign(clauses...))
	if err == nil {
		err = got.Outcome.Err()
	}
	return got.Outcome.Version, err // that of the first time, if members were told twice
}

// Append returns a clause that adds a block of opaque bytes to a file.
func Append(file wire.NodeID, block []byte) update.Clause {
	return update.Clause{Actions: []update.Action{
		update.Append(file, []update.BlockRef{{Length: uint32(len(block)), Sealed: block}}),
	}}
}
