package update

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func TestEnough(t *testing.T) {
	p := DefaultPolicy()
	for _, c := range []struct{ k, n, holders, want int }{
		{16, 32, 1, 16}, {16, 32, 2, 27}, {16, 32, 32, 27}, {1, 9, 9, 7}, {4, 16, 5, 12}, {1, 1, 1, 1}, {1, 2, 2, 2},
	} {
		if got := p.Enough(c.k, c.n, c.holders); got != c.want {
			t.Errorf("%d of %d on %d: %d, want %d", c.k, c.n, c.holders, got, c.want)
		}
	}
}

func TestNewExtents(t *testing.T) {
	for _, c := range []struct {
		name                 string
		k, n, holders, bring int
		reason               Reason
	}{
		{"all", 4, 16, 16, 16, ReasonNone},
		{"just enough", 4, 16, 16, 12, ReasonNone},
		{"one too few", 4, 16, 16, 11, ReasonTooFewReceipts},
		{"alone", 4, 16, 1, 4, ReasonNone},
		{"alone, too few", 4, 16, 1, 3, ReasonTooFewReceipts},
		{"none", 4, 16, 16, 0, ReasonTooFewReceipts},
		{"many", 60, 255, 200, 255, ReasonNone},
	} {
		w := newWorld(t)
		s := w.store(c.k, c.n, 3, c.holders, 0)
		put := Clause{Actions: []Action{Append(fileA, []BlockRef{s.ref(0, 'a'), s.ref(2, 'b')})}}
		o := w.try(put, s.brought(c.bring))
		if o.Reason != c.reason {
			t.Errorf("%s: %v", c.name, o.Reason)
		}
		x, found := w.extent(s.id)
		if found != (c.reason == ReasonNone) || found && (len(x.Receipts) != c.bring || x.Live != 2 || int(x.K) != c.k) {
			t.Errorf("%s: %+v", c.name, x.ExtentFacts)
		}
		for i, r := range x.Receipts {
			if r != s.receipts[i] {
				t.Errorf("%s: receipt %d is another", c.name, i)
			}
		}
		w.check()
	}
}

func TestBadExtents(t *testing.T) {
	w := newWorld(t)
	s, unused := w.store(1, 3, 2, 3, 0), w.store(1, 3, 2, 3, 1)
	twice, stolen, unknown := s.brought(3), s.brought(3), s.brought(3)
	twice.Receipts[1] = twice.Receipts[0]
	stolen.Receipts = unused.receipts
	unknown.Receipts[2].Share = 3
	tooLong := s.ref(0, 'a')
	tooLong.Length++
	for _, c := range []struct {
		name   string
		ref    BlockRef
		bring  NewExtent
		status Status
		reason Reason
	}{
		{"a share twice", s.ref(0, 'a'), twice, Refused, ReasonMalformed},
		{"receipts of another extent", s.ref(0, 'a'), stolen, Refused, ReasonSignature},
		{"an unknown share", s.ref(0, 'a'), unknown, Refused, ReasonSignature},
		{"no such stripe", s.ref(2, 'a'), s.brought(3), Aborted, ReasonMalformed},
		{"another length", tooLong, s.brought(3), Aborted, ReasonMalformed},
		{"not brought", s.ref(0, 'a'), unused.brought(3), Aborted, ReasonExtentGone},
		{"brought", s.ref(0, 'a'), s.brought(3), Applied, ReasonNone},
	} {
		o := w.try(Clause{Actions: []Action{Append(fileA, []BlockRef{c.ref})}}, c.bring)
		expect(t, c.name, o, c.status, c.reason)
	}
	if _, found := w.extent(unused.id); found {
		t.Error("an extent that nothing refers to was recorded")
	}
}

func TestRelease(t *testing.T) {
	w := newWorld(t)
	s := w.store(1, 3, 2, 3, 0)
	put := Clause{Actions: []Action{Append(fileA, []BlockRef{s.ref(0, 'a')})}}
	release := Clause{Actions: []Action{Release(s.id)}}
	expect(t, "put", w.try(put, s.brought(3)), Applied, ReasonNone)
	expect(t, "in use", w.try(release), Aborted, ReasonReferenced)
	w.must(DeleteFile(fileA))
	expect(t, "in use by a version", w.try(release), Aborted, ReasonReferenced)
	expect(t, "use it again", w.try(put), Applied, ReasonNone)
	w.must(DeleteFile(fileA))
	if x, _ := w.extent(s.id); x.First != 1 || x.Last != 6 {
		t.Fatalf("%+v", x.ExtentFacts)
	}

	expect(t, "forget the newest", w.try(Clause{Actions: []Action{Forget(w.version)}}), Aborted, ReasonNotAllowed)
	var forget []Action
	for v := range wire.Version(5) {
		forget = append(forget, Forget(v+1))
	}
	w.must(forget...)
	w.must(forget...) // once more is no failure
	expect(t, "unused", w.try(release), Applied, ReasonNone)
	if _, found := w.extent(s.id); found {
		t.Fatal("a released extent is still there")
	}
	expect(t, "use what is gone", w.try(put), Aborted, ReasonExtentGone)
	expect(t, "release what is gone", w.try(release), Aborted, ReasonExtentGone)

	// Brought and dropped within one version: no version has it.
	other := w.store(1, 3, 2, 3, 1)
	u := w.update(Clause{Actions: []Action{Append(fileA, []BlockRef{other.ref(0, 'a')})}})
	u.Extents = []NewExtent{other.brought(3)}
	drop := w.update(Clause{Actions: []Action{DeleteFile(fileA), Release(other.id)}})
	for i, o := range w.commit(Sign(w.owner, u), Sign(w.owner, drop)) {
		expect(t, fmt.Sprint("within one version ", i), o, Applied, ReasonNone)
	}
}

// TestCountsModel makes random changes of files and recounts after each.
func TestCountsModel(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { countsRun(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func countsRun(t *testing.T, r *rand.Rand) {
	w := newWorld(t)
	extents := []stored{w.store(1, 3, 3, 3, 0), w.store(2, 3, 3, 3, 1), w.store(1, 2, 3, 1, 2)}
	applied := 0
	for range 150 {
		var updates []*Signed
		for range 1 + r.IntN(3) {
			u := w.update()
			for range 1 + r.IntN(2) {
				var c Clause
				for range 1 + r.IntN(3) {
					c.Actions = append(c.Actions, w.random(r, extents))
				}
				u.Clauses = append(u.Clauses, c)
			}
			if s := extents[r.IntN(len(extents))]; r.IntN(2) == 0 {
				u.Extents = []NewExtent{s.brought(len(s.receipts))}
			}
			updates = append(updates, Sign(w.owner, u))
		}
		for _, o := range w.commit(updates...) {
			if o.Status == Applied {
				applied++
			}
		}
		w.check()
	}
	if applied < 50 {
		t.Errorf("only %d updates applied", applied)
	}
}

// random returns an action that often can be done.
func (w *world) random(r *rand.Rand, extents []stored) Action {
	file := func() wire.NodeID { return wire.NodeID{0xf0, byte(r.IntN(4))} }
	entryOf := func() []byte { return name(fmt.Sprint(r.IntN(5))) }
	refs := func() (out []BlockRef) {
		for range 1 + r.IntN(4) {
			ref := extents[r.IntN(len(extents))].ref(uint32(r.IntN(3)), 'e')
			if r.IntN(3) == 0 {
				ref = inline('i', 1+uint32(r.IntN(50)))
			}
			out = append(out, ref)
		}
		return out
	}
	f := file()
	switch r.IntN(9) {
	case 0:
		return Set(entryOf(), entry(file()))
	case 1:
		return Delete(entryOf())
	case 2:
		if from, to := entryOf(), entryOf(); string(from) != string(to) {
			return Move(from, to)
		}
		return DeleteRange(DirRange(root))
	case 3:
		return DeleteFile(f)
	case 4:
		return CopyFile(f, file(), wire.Version(r.IntN(int(w.version)+1)))
	case 5:
		return CopyDir(root, root, wire.Version(r.IntN(int(w.version)+1)))
	case 6, 7:
		from, through := w.boundaries(r, f)
		return Splice(f, from, through, refs())
	}
	return Append(f, refs())
}

// boundaries picks two boundaries between blocks of a file.
func (w *world) boundaries(r *rand.Rand, id wire.NodeID) (from, through uint64) {
	at := []uint64{0}
	lo, hi := BlockRange(id)
	for e, err := range w.state.Scan(ctx, lo, hi) {
		if err != nil {
			w.t.Fatal(err)
		}
		ref, _ := ParseBlockRef(e.Value)
		at = append(at, at[len(at)-1]+uint64(ref.Length))
	}
	from, through = at[r.IntN(len(at))], at[r.IntN(len(at))]
	return min(from, through), max(from, through)
}
