package update

import (
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// admit looks at an update as it comes from the network.
func (w *world) admit(u *Signed) Admission {
	w.t.Helper()
	parsed, err := Parse(u.Encode())
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := Admit(ctx, w.state, Env{Object: w.object, Version: w.version + 1}, parsed)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func TestAdmit(t *testing.T) {
	w := newWorld(t)
	s, before := w.store(4, 16, 3, 16, 0), w.store(4, 16, 3, 16, 1)
	w.try(Clause{Actions: []Action{Append(fileA, []BlockRef{before.ref(0, 'a')})}}, before.brought(16))
	elsewhere := *w
	elsewhere.object = wire.ObjectID{9}
	put := func(change func(*Update)) *Signed {
		u := w.update(Clause{Actions: []Action{Append(fileA, []BlockRef{inline('x', 1)})}})
		change(&u)
		return Sign(w.owner, u)
	}
	bring := func(x ...NewExtent) *Signed { return put(func(u *Update) { u.Extents = x }) }
	forged := put(func(*Update) {})
	forged.signature[0]++
	stranger := Sign(keyOf(9), put(func(*Update) {}).Update)
	used := w.seq
	for range SessionSeqs {
		w.must(Append(fileA, []BlockRef{inline('x', 1)}))
	}
	taken := w.seq
	for _, c := range []struct {
		name string
		u    *Signed
		want Reason
	}{
		{"good", put(func(*Update) {}), ReasonNone},
		{"of another object", put(func(u *Update) { u.Object = elsewhere.object }), ReasonWrongObject},
		{"a bad signature", forged, ReasonSignature},
		{"a stranger's", stranger, ReasonNotAllowed},
		{"a sequence number of long ago", put(func(u *Update) { u.Seq = used }), ReasonStale},
		{"a sequence number twice", put(func(u *Update) { u.Seq = taken }), ReasonReused},
		{"late", put(func(u *Update) { u.Until = w.version }), ReasonExpired},
		{"just in time", put(func(u *Update) { u.Until = w.version + 1 }), ReasonNone},
		{"an extent", bring(s.brought(12)), ReasonNone},
		{"an extent with a receipt too few", bring(s.brought(11)), ReasonTooFewReceipts},
		{"an extent that is known, and one with too few", bring(before.brought(1), s.brought(11)), ReasonTooFewReceipts},
		{"an extent that is known, with too few", bring(before.brought(1)), ReasonNone},
		{"receipts for another object", bring(elsewhere.store(4, 16, 3, 16, 0).brought(16)), ReasonSignature},
		{"receipts of another extent", bring(NewExtent{Manifest: s.brought(1).Manifest, Receipts: before.receipts}), ReasonSignature},
		{"no manifest", bring(NewExtent{Manifest: []byte{1}}), ReasonMalformed},
	} {
		if got := w.admit(c.u); got.Reason != c.want || got.Executed != 0 {
			t.Errorf("%s: %v, executed in %d; want %v", c.name, got.Reason, got.Executed, c.want)
		}
	}
	w.must(DeleteObject())
	if got := w.admit(put(func(*Update) {})); got.Reason != ReasonDeleted {
		t.Errorf("of a deleted object: %v", got.Reason)
	}
}

// What was executed before is known by its name, whatever came of it.
func TestAdmitKnowsWhatWasExecuted(t *testing.T) {
	w := newWorld(t)
	applied := Sign(w.owner, w.update(Clause{Actions: []Action{Append(fileA, []BlockRef{inline('x', 1)})}}))
	aborted := Sign(w.owner, w.update(Clause{Actions: []Action{DeleteFile(fileB)}}))
	w.commit(applied)
	w.commit(aborted)
	for want, u := range map[wire.Version]*Signed{1: applied, 2: aborted} {
		if got := w.admit(u); got.Reason != ReasonNone || got.Executed != want {
			t.Errorf("executed in %d: %+v", want, got)
		}
	}
}

// Check says the same in every state, and no more than an executor would.
func TestCheckNeedsNoState(t *testing.T) {
	w := newWorld(t)
	u := w.update(Clause{Actions: []Action{Append(fileA, []BlockRef{inline('x', 1)})}})
	stranger, forged := Sign(keyOf(9), u), Sign(w.owner, u)
	forged.signature[0]++
	for _, c := range []struct {
		u      *Signed
		object wire.ObjectID
		want   Reason
	}{
		{Sign(w.owner, u), w.object, ReasonNone},
		{stranger, w.object, ReasonNone},
		{forged, w.object, ReasonSignature},
		{Sign(w.owner, u), wire.ObjectID{7}, ReasonWrongObject},
	} {
		if got := Check(c.object, c.u); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}
