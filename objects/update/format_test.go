package update

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// value is what all values of the state have in common.
type value interface{ Encode() []byte }

// parser makes any of the Parse functions return a value.
func parser[T value](parse func([]byte) (T, error)) func([]byte) (value, error) {
	return func(b []byte) (value, error) { return parse(b) }
}

func (p receiptsPart) Encode() []byte { return wire.Marshal(p) }

// samples has one value of each kind, and what parses it.
var samples = map[string]struct {
	v     value
	parse func([]byte) (value, error)
}{
	"dir-entry":    {DirEntry{Kind: KindSymlink, Child: fileA, SealedKey: []byte{1, 2}, SealedAttr: []byte{3}}, parser(ParseDirEntry)},
	"file-info":    {FileInfo{Size: 1 << 40, Links: 2, Blocks: 3}, parser(ParseFileInfo)},
	"block-ref":    {BlockRef{Extent: wire.ExtentID{1}, Stripe: 31, Length: 1 << 20, Sealed: []byte{4, 5}}, parser(ParseBlockRef)},
	"inline-block": {BlockRef{Length: 3, Sealed: []byte{6, 7, 8}}, parser(ParseBlockRef)},
	"extent-facts": {ExtentFacts{Author: wire.PublicKey{9}, K: 16, N: 32, Lengths: []uint32{1048592, 17}, Live: 2, First: 7, Parts: 1}, parser(ParseExtentFacts)},
	"receipts": {receiptsPart{Receipts: []extent.CompactReceipt{
		{Share: 31, Holder: wire.PeerID{1}, LeaseSeconds: 2592000, Signature: wire.Signature{2}}}}, parser(parse[receiptsPart])},
	"version-info":   {VersionInfo{TimeUnixMilli: 1_700_000_000_000, Root: wire.NodeHash{3}, Content: true, Authors: []wire.PublicKey{{4}}}, parser(ParseVersionInfo)},
	"writer":         {Writer{Rights: RightWrite, By: wire.PublicKey{5}}, parser(ParseWriter)},
	"session-window": {SessionWindow{Latest: 9, Records: []Record{{Seq: 3, ID: [8]byte{6}, Status: Aborted, Clause: 1, Reason: ReasonPredicate, Version: 9}}}, parser(ParseSessionWindow)},
	"scoped-writer":  {Writer{Rights: RightWrite, Scope: root, By: wire.PublicKey{5}}, parser(ParseWriter)},
	"parent":         {Parent{Dir: root, Name: []byte{8, 9}}, parser(ParseParent)},
	"ring-entry":     {RingEntry{Certificate: wire.RingCertID{7}}, parser(ParseRingEntry)},
	"policy":         {DefaultPolicy(), parser(ParsePolicy)},
	"outcome":        {Outcome{Status: Aborted, Clause: 2, Reason: ReasonExtentGone, Version: 300}, parser(ParseOutcome)},
}

// sampleUpdate has one predicate and one action of each kind.
func sampleUpdate() *Signed {
	lo, hi := DirRange(root)
	return Sign(keyOf(1), Update{
		Object: wire.ObjectID{1}, Session: wire.SessionID{2}, Seq: 3, Until: 10_003,
		Clauses: []Clause{{
			Predicates: []Predicate{
				VersionEquals(3), VersionAtMost(4), KeyEquals(name("a"), []byte("v")), KeyAbsent(name("b")),
				RangeEmpty(lo, hi), RangeUnchanged(lo, hi, 5), FileSize(fileA, 6),
			},
			Actions: []Action{
				Set(name("a"), entry(fileA)), Delete(name("b")), DeleteRange(lo, hi), Move(name("c"), name("d")),
				Append(fileA, []BlockRef{inline('x', 1)}), Splice(fileA, 0, 1, nil), DeleteFile(fileB),
				CopyDir(root, root, 7), CopyFile(fileA, fileB, 8), Release(wire.ExtentID{9}),
			},
		}},
	})
}

// TestVectors holds the encodings, which FORMAT.md describes.
func TestVectors(t *testing.T) {
	datadriven.RunTest(t, "testdata/vectors.txt", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "value":
			s, ok := samples[d.CmdArgs[0].String()]
			if !ok {
				t.Fatalf("no sample %v", d.CmdArgs[0])
			}
			return fmt.Sprintf("%x\n", s.v.Encode())
		case "update":
			u := sampleUpdate()
			return fmt.Sprintf("%x\nid: %v\n", u.Encode(), u.ID)
		case "history":
			return history(t)
		}
		t.Fatalf("unknown command %q", d.Cmd)
		return ""
	})
}

// history returns the roots of a short history of an object.
func history(t *testing.T) string {
	w := newWorld(t)
	out := fmt.Sprintf("0 %v\n", w.state.Root())
	s := w.store(1, 3, 3, 3, 0)
	put := w.update(Clause{Actions: []Action{
		Set(name("a"), entry(fileA)), Append(fileA, []BlockRef{s.ref(0, 'a'), inline('b', 5), s.ref(1, 'c')}),
	}})
	put.Extents = []NewExtent{s.brought(3)}
	splice := w.update(Clause{Actions: []Action{Splice(fileA, 100, 105, []BlockRef{s.ref(2, 'd')})}})
	clash := w.update(Clause{Predicates: []Predicate{VersionEquals(0)}, Actions: []Action{Delete(name("a"))}})
	for _, batch := range [][]*Signed{
		{Sign(w.owner, put)}, {Sign(w.owner, splice), Sign(w.owner, clash)}, nil,
		{Sign(w.owner, w.update(Clause{Actions: []Action{Delete(name("a")), DeleteFile(fileA), CopyFile(fileA, fileB, 1)}}))},
	} {
		o := w.commit(batch...)
		out += fmt.Sprintf("%d %v\n", w.version, w.state.Root())
		for _, o := range o {
			out += fmt.Sprintf("  status %d, clause %d, %v\n", o.Status, o.Clause, o.Reason)
		}
	}
	return out
}

// FuzzValues checks that every value that parses encodes to the same bytes.
func FuzzValues(f *testing.F) {
	for _, s := range samples {
		f.Add(s.v.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for n, s := range samples {
			if v, err := s.parse(b); err == nil && !bytes.Equal(v.Encode(), b) {
				t.Fatalf("%s does not encode to the same bytes", n)
			}
		}
	})
}

func TestSamplesParse(t *testing.T) {
	for n, s := range samples {
		if _, err := s.parse(s.v.Encode()); err != nil {
			t.Errorf("%s: %v", n, err)
		}
		if _, err := s.parse(append(s.v.Encode(), 0)); !errors.Is(err, ErrValue) {
			t.Errorf("%s with a byte more: %v", n, err)
		}
	}
}

func TestBadValues(t *testing.T) {
	long := make([]byte, wire.TreeValueBytesMax)
	for n, c := range map[string]struct {
		v     value
		parse func([]byte) (value, error)
	}{
		"entry of no kind":      {DirEntry{}, parser(ParseDirEntry)},
		"long sealed key":       {DirEntry{Kind: KindFile, SealedKey: long[:SealedKeyBytesMax+1]}, parser(ParseDirEntry)},
		"long attributes":       {DirEntry{Kind: KindFile, SealedAttr: long[:SealedAttrBytesMax+1]}, parser(ParseDirEntry)},
		"file beyond limit":     {FileInfo{Size: FileBytesMax + 1}, parser(ParseFileInfo)},
		"empty block":           {inline('x', 0), parser(ParseBlockRef)},
		"long inline block":     {inline('x', wire.InlineBytesMax+1), parser(ParseBlockRef)},
		"inline with a stripe":  {BlockRef{Stripe: 1, Length: 1}, parser(ParseBlockRef)},
		"long block":            {BlockRef{Extent: wire.ExtentID{1}, Length: wire.BlockBytesMax + 1}, parser(ParseBlockRef)},
		"stripe beyond limit":   {BlockRef{Extent: wire.ExtentID{1}, Length: 1, Stripe: wire.ExtentStripesMax}, parser(ParseBlockRef)},
		"long sealed reference": {BlockRef{Extent: wire.ExtentID{1}, Length: 1, Sealed: long[:SealedBlockBytesMax+1]}, parser(ParseBlockRef)},
		"extent without code":   {ExtentFacts{Lengths: []uint32{1}}, parser(ParseExtentFacts)},
		"extent without blocks": {ExtentFacts{K: 1, N: 1}, parser(ParseExtentFacts)},
		"no rights":             {Writer{}, parser(ParseWriter)},
		"unknown rights":        {Writer{Rights: 4}, parser(ParseWriter)},
		"owner of a part":       {Writer{Rights: RightOwner | RightWrite, Scope: root}, parser(ParseWriter)},
		"parent's name":         {Parent{Name: make([]byte, SealedNameBytesMax+1)}, parser(ParseParent)},
		"empty window":          {SessionWindow{}, parser(ParseSessionWindow)},
		"window out of order":   {SessionWindow{Records: []Record{{Seq: 2}, {Seq: 2}}}, parser(ParseSessionWindow)},
		"long window":           {SessionWindow{Records: make([]Record, SessionSeqs+1)}, parser(ParseSessionWindow)},
		"many authors":          {VersionInfo{Authors: make([]wire.PublicKey, VersionAuthorsMax+1)}, parser(ParseVersionInfo)},
		"policy of the future":  {Policy{Format: 2, EnoughDenominator: 1, RingSize: 1}, parser(ParsePolicy)},
		"policy k > n":          {Policy{Format: 1, K: 2, N: 1, EnoughDenominator: 1, RingSize: 1}, parser(ParsePolicy)},
		"policy x/0":            {Policy{Format: 1, RingSize: 1}, parser(ParsePolicy)},
		"policy ring":           {Policy{Format: 1, EnoughDenominator: 1, RingSize: 5}, parser(ParsePolicy)},
		"outcome of no status":  {Outcome{}, parser(ParseOutcome)},
		"applied with a reason": {Outcome{Status: Applied, Reason: ReasonBusy}, parser(ParseOutcome)},
	} {
		if _, err := c.parse(c.v.Encode()); !errors.Is(err, ErrValue) {
			t.Errorf("%s: %v", n, err)
		}
	}
}

// FuzzUpdate checks that what parses encodes to the same bytes, and that an
// update of whatever shape, signed by the owner, neither panics nor leaves
// counters that do not add up.
func FuzzUpdate(f *testing.F) {
	f.Add(sampleUpdate().Encode())
	w := newWorld(f)
	w.must(Set(name("a"), entry(fileA)), Append(fileA, []BlockRef{inline('x', 1), inline('y', 1)}))
	for _, a := range sampleUpdate().Clauses[0].Actions {
		f.Add(Sign(w.owner, w.update(Clause{Actions: []Action{a}})).Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(u.Encode(), b) {
			t.Fatal("does not encode to the same bytes")
		}
		again := *w
		again.t = t
		u.Update.Object = w.object
		again.commit(Sign(w.owner, u.Update))
		again.check()
	})
}

func TestBadShapes(t *testing.T) {
	w := newWorld(t)
	long := make([]byte, wire.TreeKeyBytesMax+2)
	long[0] = kindDir
	for n, c := range map[string]Clause{
		"unknown predicate":     {Predicates: []Predicate{{Kind: 99}}},
		"predicate with excess": {Predicates: []Predicate{{Kind: predVersionEquals, Key: []byte("k")}}},
		"predicate with less":   {Predicates: []Predicate{{Kind: predKeyAbsent}}},
		"short hash":            {Predicates: []Predicate{{Kind: predKeyEquals, Key: []byte("k"), Hash: []byte{1}}}},
		"range the wrong way":   {Predicates: []Predicate{RangeEmpty([]byte("b"), []byte("a"))}},
		"size of no file":       {Predicates: []Predicate{{Kind: predFileSize, Key: []byte("f")}}},
		"long key":              {Predicates: []Predicate{KeyAbsent(long)}},
		"unknown action":        {Actions: []Action{{Kind: 99}}},
		"action with excess":    {Actions: []Action{{Kind: actDelete, Key: name("a"), From: 1}}},
		"empty value":           {Actions: []Action{Set(name("a"), nil)}},
		"value of another kind": {Actions: []Action{Set(name("a"), FileInfo{}.Encode())}},
		"entry without a name":  {Actions: []Action{Set(name(""), entry(fileA))}},
		"entry with a long one": {Actions: []Action{Set(long, entry(fileA))}},
		"move out":              {Actions: []Action{Move(name("a"), FileKey(fileA))}},
		"move onto itself":      {Actions: []Action{Move(name("a"), name("a"))}},
		"append nothing":        {Actions: []Action{Append(fileA, nil)}},
		"append an empty block": {Actions: []Action{Append(fileA, []BlockRef{inline('x', 0)})}},
		"splice the wrong way":  {Actions: []Action{Splice(fileA, 2, 1, nil)}},
		"copy a part":           {Actions: []Action{{Kind: actCopyDir, Key: []byte("d"), To: []byte("d")}}},
		"release nothing":       {Actions: []Action{{Kind: actRelease, Key: []byte("x")}}},
		"policy with a key":     {Actions: []Action{Set([]byte("mm"), DefaultPolicy().Encode())}},
		"writer without a key":  {Actions: []Action{Set([]byte("w"), Writer{Rights: RightWrite}.Encode())}},
	} {
		if _, err := Parse(Sign(w.owner, w.update(c)).Encode()); !errors.Is(err, ErrUpdate) {
			t.Errorf("%s: %v", n, err)
		}
	}
	u := w.update(Clause{})
	u.Seq = 0
	if _, err := Parse(Sign(w.owner, u).Encode()); !errors.Is(err, ErrUpdate) {
		t.Errorf("sequence number 0: %v", err)
	}
	u = w.update(Clause{Actions: []Action{Append(fileA, make([]BlockRef, 3000))}})
	if _, err := Parse(Sign(w.owner, u).Encode()); !errors.Is(err, ErrUpdate) {
		t.Errorf("too long: %v", err)
	}
}

func TestKeys(t *testing.T) {
	id := wire.NodeID{0xff, 0xff}
	for i := range id {
		id[i] = 0xff
	}
	lo, hi := DirRange(id)
	if !bytes.Equal(hi, []byte{kindDir + 1}) || bytes.Compare(lo, hi) >= 0 {
		t.Errorf("range of the last directory: %x to %x", lo, hi)
	}
	file, offset, err := ParseBlockKey(BlockKey(id, 1<<40))
	if file != id || offset != 1<<40 || err != nil {
		t.Error(file, offset, err)
	}
	dir, sealed, err := ParseDirEntryKey(DirEntryKey(id, []byte("n")))
	if dir != id || string(sealed) != "n" || err != nil {
		t.Error(dir, sealed, err)
	}
	if v, err := ParseVersionKey(VersionKey(7)); v != 7 || err != nil {
		t.Error(v, err)
	}
	for n, err := range map[string]error{
		"short":      second(ParseFileKey(FileKey(id)[:16])),
		"long":       second(ParseFileKey(append(FileKey(id), 0))),
		"other kind": second(ParseFileKey(BlockKey(id, 0)[:17])),
		"empty":      second(ParseExtentKey(nil)),
		"part":       second(ParseExtentKey(receiptsKey(wire.ExtentID{}, 0))),
		"version":    second(ParseVersionKey([]byte("v"))),
		"writer":     second(ParseWriterKey([]byte("w"))),
	} {
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", n, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
