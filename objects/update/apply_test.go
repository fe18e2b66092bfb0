package update

import (
	"math"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// expect fails the test unless the outcome has this status and reason.
func expect(t *testing.T, what string, o Outcome, s Status, r Reason) {
	t.Helper()
	if o.Status != s || o.Reason != r {
		t.Errorf("%s: status %d, %v; want %d, %v", what, o.Status, o.Reason, s, r)
	}
}

func TestPredicates(t *testing.T) {
	w := newWorld(t)
	w.must(Set(name("a"), entry(fileA)), Append(fileA, []BlockRef{inline('x', 10)}))
	w.must(Set(name("z"), entry(fileB)))
	other := wire.NodeID{0xd2}
	lo, hi := DirRange(root)
	emptyLo, emptyHi := DirRange(other)
	for _, c := range []struct {
		name  string
		p     Predicate
		holds bool
	}{
		{"version equals", VersionEquals(2), true},
		{"version equals an older one", VersionEquals(1), false},
		{"version at most", VersionAtMost(2), true},
		{"version at most a later one", VersionAtMost(9), true},
		{"version at most an older one", VersionAtMost(1), false},
		{"key equals", KeyEquals(name("a"), entry(fileA)), true},
		{"key equals another value", KeyEquals(name("a"), entry(fileB)), false},
		{"absent key equals nothing", KeyEquals(name("b"), nil), false},
		{"key absent", KeyAbsent(name("b")), true},
		{"key not absent", KeyAbsent(name("a")), false},
		{"range empty", RangeEmpty(emptyLo, emptyHi), true},
		{"range not empty", RangeEmpty(lo, hi), false},
		{"range unchanged", RangeUnchanged(lo, hi, 2), true},
		{"range changed", RangeUnchanged(lo, hi, 1), false},
		{"key unchanged", KeyUnchanged(name("a"), 1), true},
		{"key changed", KeyUnchanged(name("z"), 1), false},
		{"file size", FileSize(fileA, 10), true},
		{"another file size", FileSize(fileA, 11), false},
		{"size of no file", FileSize(wire.NodeID{9}, 0), false},
	} {
		// The base is the same for all: nothing of this is kept.
		kept := *w
		o := w.try(Clause{Predicates: []Predicate{c.p}, Actions: []Action{Delete(name("zz"))}})
		if c.holds {
			expect(t, c.name, o, Applied, ReasonNone)
		} else {
			expect(t, c.name, o, Aborted, ReasonPredicate)
		}
		*w = kept
	}
}

// TestClauses: the first clause that can be done is, and one that fails in the
// middle leaves nothing.
func TestClauses(t *testing.T) {
	w := newWorld(t)
	half := Clause{Actions: []Action{
		Set(name("half"), entry(fileA)), Move(name("nowhere"), name("half2")),
	}}
	guarded := Clause{Predicates: []Predicate{KeyAbsent(PolicyKey())}}
	whole := Clause{Actions: []Action{Set(name("whole"), entry(fileB))}}
	never := Clause{Actions: []Action{Set(name("never"), entry(fileB))}}
	o := w.commit(Sign(w.owner, w.update(half, guarded, whole, never)))[0]
	if o.Status != Applied || o.Clause != 2 || o.Version != 1 {
		t.Fatalf("%+v", o)
	}
	for n, want := range map[string]bool{"half": false, "whole": true, "never": false} {
		if _, found, _ := w.state.Get(ctx, name(n)); found != want {
			t.Errorf("%s: %v", n, found)
		}
	}
	if _, found := w.file(fileA); found {
		t.Error("a link of a failed clause was counted")
	}
	o = w.commit(Sign(w.owner, w.update(guarded, half)))[0]
	if o.Status != Aborted || o.Clause != 1 || o.Reason != ReasonMissing {
		t.Fatalf("%+v", o)
	}
}

// TestBatch: later updates of a batch see earlier ones.
func TestBatch(t *testing.T) {
	w := newWorld(t)
	make := func(child wire.NodeID) *Signed {
		return Sign(w.owner, w.update(Clause{
			Predicates: []Predicate{KeyAbsent(name("a"))}, Actions: []Action{Set(name("a"), entry(child))},
		}))
	}
	o := w.commit(make(fileA), make(fileB))
	expect(t, "first", o[0], Applied, ReasonNone)
	expect(t, "second", o[1], Aborted, ReasonPredicate)
	equals := func() *Signed {
		return Sign(w.owner, w.update(Clause{Predicates: []Predicate{VersionEquals(1)}}))
	}
	o = w.commit(equals(), equals())
	expect(t, "version equals", o[0], Applied, ReasonNone)
	expect(t, "version equals, after another", o[1], Aborted, ReasonPredicate)
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	ok := Clause{Actions: []Action{Delete(name("x"))}}
	forged := Sign(keyOf(9), w.update(ok))
	forged.Author = w.owner.Public()
	forged.body = wire.Marshal(forged.Update)
	foreign := w.update(ok)
	foreign.Object = wire.ObjectID{9}
	late, early := w.update(ok), w.update(ok)
	late.Until, early.Until = 0, math.MaxUint64
	noClause := w.update()
	badExtent := w.update(ok)
	badExtent.Extents = []NewExtent{{Manifest: []byte("?")}}
	for _, c := range []struct {
		name   string
		u      *Signed
		reason Reason
	}{
		{"no update", nil, ReasonMalformed},
		{"unknown author", Sign(keyOf(9), w.update(ok)), ReasonNotAllowed},
		{"forged", forged, ReasonSignature},
		{"another object", Sign(w.owner, foreign), ReasonWrongObject},
		{"too late", Sign(w.owner, late), ReasonExpired},
		{"valid for too long", Sign(w.owner, early), ReasonMalformed},
		{"no clause", Sign(w.owner, noClause), ReasonMalformed},
		{"bad manifest", Sign(w.owner, badExtent), ReasonMalformed},
	} {
		before := w.state
		expect(t, c.name, w.commit(c.u)[0], Refused, c.reason)
		for change := range tree.Diff(ctx, before, w.state, nil, nil) {
			if change.Key[0] != kindVersion {
				t.Errorf("%s leaves a key of kind %q", c.name, change.Key[0])
			}
		}
	}
}

func TestRights(t *testing.T) {
	w := newWorld(t)
	writer := keyOf(5)
	add := Set(WriterKey(writer.Public()), Writer{Rights: RightWrite, By: w.owner.Public()}.Encode())
	w.must(add)
	dirLo, dirHi := DirRange(root)
	_, all := prefixRange([]byte{kindDir})
	for _, c := range []struct {
		name          string
		a             Action
		writer, owner Reason
	}{
		{"entry", Set(name("a"), entry(fileA)), ReasonNone, ReasonNone},
		{"delete entry", Delete(name("a")), ReasonNone, ReasonNone},
		{"delete entries", DeleteRange(dirLo, dirHi), ReasonNone, ReasonNone},
		{"delete more than entries", DeleteRange(dirLo, append(all, 0)), ReasonNotAllowed, ReasonNotAllowed},
		{"delete files by range", DeleteRange(FileKey(fileA), FileKey(fileB)), ReasonNotAllowed, ReasonNotAllowed},
		{"append", Append(fileA, []BlockRef{inline('x', 1)}), ReasonNone, ReasonNone},
		{"writer", Set(WriterKey(keyOf(6).Public()), Writer{Rights: RightWrite, By: w.owner.Public()}.Encode()), ReasonNotAllowed, ReasonNone},
		{"writer in another's name", Set(WriterKey(keyOf(6).Public()), Writer{Rights: RightWrite, By: writer.Public()}.Encode()), ReasonNotAllowed, ReasonNotAllowed},
		{"remove writer", Delete(WriterKey(keyOf(6).Public())), ReasonNotAllowed, ReasonNone},
		{"remove the owner", Delete(WriterKey(w.owner.Public())), ReasonNotAllowed, ReasonNotAllowed},
		{"demote the owner", Set(WriterKey(w.owner.Public()), Writer{Rights: RightWrite}.Encode()), ReasonNotAllowed, ReasonNotAllowed},
		{"another owner", Set(WriterKey(keyOf(6).Public()), Writer{Rights: RightOwner}.Encode()), ReasonMalformed, ReasonMalformed},
		{"policy", Set(PolicyKey(), DefaultPolicy().Encode()), ReasonNotAllowed, ReasonNone},
		{"no policy", Delete(PolicyKey()), ReasonNotAllowed, ReasonNotAllowed},
		{"file facts", Set(FileKey(fileA), FileInfo{Size: 1}.Encode()), ReasonNotAllowed, ReasonNotAllowed},
		{"block", Set(BlockKey(fileA, 0), inline('x', 1).Encode()), ReasonNotAllowed, ReasonNotAllowed},
		{"extent", Delete(ExtentKey(wire.ExtentID{1})), ReasonNotAllowed, ReasonNotAllowed},
		{"version", Forget(1), ReasonNotAllowed, ReasonNone},
		{"value of a version", Set(VersionKey(1), VersionInfo{}.Encode()), ReasonNotAllowed, ReasonNotAllowed},
		{"session", Delete(SessionKey(w.owner.Public(), wire.SessionID{1})), ReasonNotAllowed, ReasonNotAllowed},
		{"age of a session", Delete(ageKey(1, w.owner.Public(), wire.SessionID{1})), ReasonNotAllowed, ReasonNotAllowed},
		{"ring", Set(EpochKey(1), RingEntry{}.Encode()), ReasonNotAllowed, ReasonNotAllowed},
		{"unknown kind", Set([]byte("?"), []byte("?")), ReasonNotAllowed, ReasonNotAllowed},
		{"release", Release(wire.ExtentID{1}), ReasonNotAllowed, ReasonExtentGone},
	} {
		for i, want := range []Reason{c.writer, c.owner} {
			status := Aborted
			switch want {
			case ReasonNone:
				status = Applied
			case ReasonMalformed:
				status = Refused
			}
			u := w.update(Clause{Actions: []Action{c.a}})
			o := w.commit(Sign([]wire.Key{writer, w.owner}[i], u))[0]
			if o.Status != status || o.Reason != want {
				t.Errorf("%s, owner %v: status %d, %v", c.name, i == 1, o.Status, o.Reason)
			}
		}
	}
}

// TestOnce sends updates again, in any order, and with numbers too old.
func TestOnce(t *testing.T) {
	w := newWorld(t)
	put := func(seq wire.Seq, n string) *Signed {
		u := w.update(Clause{Predicates: []Predicate{KeyAbsent(name(n))}, Actions: []Action{Set(name(n), entry(fileA))}})
		u.Seq = seq
		return Sign(w.owner, u)
	}
	first, clash := put(5, "a"), put(6, "a")
	expect(t, "first", w.commit(first)[0], Applied, ReasonNone)
	expect(t, "clash", w.commit(clash)[0], Aborted, ReasonPredicate)
	w.must(Delete(name("a")))
	o := w.commit(first, clash, first)
	for i, want := range []Outcome{
		{Status: Applied, Version: 1, Repeated: true},
		{Status: Aborted, Reason: ReasonPredicate, Version: 2, Repeated: true},
		{Status: Applied, Version: 1, Repeated: true},
	} {
		if o[i] != want {
			t.Errorf("repeat %d: %+v", i, o[i])
		}
	}
	if f, _ := w.file(fileA); f.Links != 0 {
		t.Error("a repeated update was executed")
	}
	expect(t, "another update with the same number", w.commit(put(5, "b"))[0], Refused, ReasonReused)
	expect(t, "a lower number", w.commit(put(4, "c"))[0], Applied, ReasonNone)
	expect(t, "far ahead", w.commit(put(6+SessionSeqs, "d"))[0], Applied, ReasonNone)
	expect(t, "out of the window", w.commit(clash)[0], Refused, ReasonStale)
	expect(t, "still in it", w.commit(put(7, "e"))[0], Applied, ReasonNone)
	expect(t, "the last number", w.commit(put(math.MaxUint64, "f"))[0], Applied, ReasonNone)
	expect(t, "far behind", w.commit(put(1, "g"))[0], Refused, ReasonStale)
}

// TestWindowBound fills the window of a session; it must stay a legal value.
func TestWindowBound(t *testing.T) {
	w := newWorld(t)
	for range 2 * SessionSeqs {
		w.must(Delete(name("x")))
	}
	e, _, err := w.state.Get(ctx, SessionKey(w.owner.Public(), wire.SessionID{1}))
	if err != nil || len(e.Value) > wire.TreeValueBytesMax {
		t.Fatal(len(e.Value), err)
	}
	window, err := ParseSessionWindow(e.Value)
	if err != nil || len(window.Records) != SessionSeqs {
		t.Fatal(len(window.Records), err)
	}
}

// TestSessionsLeave: a session leaves the state some time after its last
// update, and what it remembered cannot be executed again then.
func TestSessionsLeave(t *testing.T) {
	w := newWorld(t)
	u := Sign(w.owner, w.update(Clause{Actions: []Action{Set(name("a"), entry(fileA))}}))
	w.commit(u)
	session := SessionKey(w.owner.Public(), wire.SessionID{1})
	for _, c := range []struct {
		version wire.Version
		stays   bool
	}{{SessionVersions, true}, {SessionVersions + 1, true}, {SessionVersions + 2, false}} {
		w.version = c.version - 1
		w.commit()
		if _, found, _ := w.state.Get(ctx, session); found != c.stays {
			t.Errorf("version %d: %v", c.version, found)
		}
	}
	ages := 0
	for range w.state.Scan(ctx, []byte{kindAge}, []byte{kindBlock}) {
		ages++
	}
	if ages != 0 {
		t.Errorf("%d sessions are still listed by age", ages)
	}
	expect(t, "again", w.commit(u)[0], Refused, ReasonExpired)
}

// fill appends single bytes to a file until it has so many.
func (w *world) fill(id wire.NodeID, size uint64) {
	w.t.Helper()
	for {
		f, _ := w.file(id)
		if f.Size == size {
			return
		}
		blocks := slices.Repeat([]BlockRef{inline('x', 1)}, int(min(2000, size-f.Size)))
		w.must(Append(id, blocks))
	}
}

// TestBudgets: what is too much for one update never passes, what is too much
// for one version passes in the next.
func TestBudgets(t *testing.T) {
	w := newWorld(t)
	w.fill(fileA, UpdateOperationsMax)
	expect(t, "too much", w.try(Clause{Actions: []Action{DeleteFile(fileA)}}), Aborted, ReasonOverBudget)
	w.must(Splice(fileA, UpdateOperationsMax-2000, UpdateOperationsMax, nil))

	// Each of these does nearly all that an update may, and then fails.
	vain := Clause{Actions: []Action{DeleteFile(fileA), Move(name("nowhere"), name("a"))}}
	var updates []*Signed
	for range BatchOperationsMax/UpdateOperationsMax + 1 {
		updates = append(updates, Sign(w.owner, w.update(vain)))
	}
	o := w.commit(updates...)
	last := len(o) - 1
	for i := range last {
		expect(t, "in vain", o[i], Aborted, ReasonMissing)
	}
	expect(t, "one too many", o[last], Refused, ReasonBusy)
	expect(t, "in the next version", w.commit(updates[last])[0], Aborted, ReasonMissing)
	if f, _ := w.file(fileA); f.Blocks != UpdateOperationsMax-2000 {
		t.Errorf("%d blocks", f.Blocks)
	}
}

func TestVersionEntries(t *testing.T) {
	w := newWorld(t)
	var roots []wire.NodeHash
	w.must(Set(name("a"), entry(fileA)))
	roots = append(roots, w.state.Root())
	w.commit()
	roots = append(roots, w.state.Root())
	w.must(Set(PolicyKey(), DefaultPolicy().Encode()))
	for v, want := range []struct {
		content bool
		authors int
	}{{true, 1}, {false, 0}, {false, 1}} {
		info, found, err := get(ctx, w.state, VersionKey(wire.Version(v+1)), ParseVersionInfo)
		if !found || err != nil {
			t.Fatal(v+1, err)
		}
		if info.Content != want.content || len(info.Authors) != want.authors || info.TimeUnixMilli != int64(v+1)*1000 {
			t.Errorf("version %d: %+v", v+1, info)
		}
		if v < 2 && info.Root != roots[v] || v == 2 && !info.Root.IsZero() {
			t.Errorf("version %d: root %v", v+1, info.Root)
		}
	}
}

// TestAuthorsBound fills the list of authors of a version.
func TestAuthorsBound(t *testing.T) {
	w := newWorld(t)
	var updates []*Signed
	var rights []Action
	for i := range 100 {
		k := wire.NewKey([32]byte{byte(i), 77})
		rights = append(rights, Set(WriterKey(k.Public()), Writer{Rights: RightWrite, By: w.owner.Public()}.Encode()))
		updates = append(updates, Sign(k, w.update(Clause{Actions: []Action{Delete(name("x"))}})))
	}
	w.must(rights...)
	if o := w.commit(updates...); slices.ContainsFunc(o, func(o Outcome) bool { return o.Status != Applied }) {
		t.Fatal("an update was not applied")
	}
	info, _, err := get(ctx, w.state, VersionKey(w.version), ParseVersionInfo)
	if err != nil || len(info.Authors) != VersionAuthorsMax {
		t.Fatal(len(info.Authors), err)
	}
}
