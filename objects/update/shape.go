package update

import (
	"bytes"
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// fields is a set of fields of a predicate or an action.
type fields uint8

const (
	hasKey fields = 1 << iota
	hasTo
	hasHash
	hasValue
	hasFrom
	hasThrough
	hasBlocks
)

// field returns f if a field is in use.
func field(f fields, used bool) fields {
	if used {
		return f
	}
	return 0
}

// shape says which fields a kind needs, which it may use, and what must hold
// between them.
type shape[T any] struct {
	needs, may fields
	holds      func(*T) bool // nil if there is nothing to hold
}

// fits reports whether the fields in use are right.
func (s shape[T]) fits(used fields) bool {
	return used&s.needs == s.needs && used&^(s.needs|s.may) == 0
}

var predicateShapes = map[PredicateKind]shape[Predicate]{
	predVersionEquals:  {may: hasFrom},
	predVersionAtMost:  {may: hasFrom},
	predKeyEquals:      {needs: hasKey | hasHash, holds: func(p *Predicate) bool { return len(p.Hash) == wire.HashSize }},
	predKeyAbsent:      {needs: hasKey},
	predRangeEmpty:     {needs: hasKey | hasTo, holds: func(p *Predicate) bool { return ordered(p.Key, p.End) }},
	predRangeUnchanged: {needs: hasKey | hasTo, may: hasFrom, holds: func(p *Predicate) bool { return ordered(p.Key, p.End) }},
	predFileSize:       {needs: hasKey, may: hasFrom, holds: func(p *Predicate) bool { return isFileKey(p.Key) }},
}

// valid checks that a predicate uses the fields of its kind and no other.
func (p *Predicate) valid() error {
	used := field(hasKey, len(p.Key) > 0) | field(hasTo, len(p.End) > 0) |
		field(hasHash, len(p.Hash) > 0) | field(hasFrom, p.Number > 0)
	s, known := predicateShapes[p.Kind]
	if !known || !s.fits(used) || !keyLength(p.Key) || !keyLength(p.End) || s.holds != nil && !s.holds(p) {
		return fmt.Errorf("malformed predicate of kind %d", p.Kind)
	}
	return nil
}

var actionShapes = map[ActionKind]shape[Action]{
	actSet:         {needs: hasKey | hasValue, holds: func(a *Action) bool { return validValue(a.Key, a.Value) }},
	actDelete:      {needs: hasKey},
	actDeleteRange: {needs: hasKey | hasTo, holds: func(a *Action) bool { return ordered(a.Key, a.To) }},
	actMove: {needs: hasKey | hasTo, holds: func(a *Action) bool {
		return isDirKey(a.Key) && isDirKey(a.To) && !bytes.Equal(a.Key, a.To)
	}},
	actAppend: {needs: hasKey | hasBlocks, holds: func(a *Action) bool { return isFileKey(a.Key) }},
	actSplice: {needs: hasKey, may: hasFrom | hasThrough | hasBlocks, holds: func(a *Action) bool {
		return isFileKey(a.Key) && a.From <= a.Through
	}},
	actDeleteFile: {needs: hasKey, holds: func(a *Action) bool { return isFileKey(a.Key) }},
	actCopyDir: {needs: hasKey | hasTo, may: hasFrom, holds: func(a *Action) bool {
		return isDirPrefix(a.Key) && isDirPrefix(a.To)
	}},
	actCopyFile: {needs: hasKey | hasTo, may: hasFrom, holds: func(a *Action) bool {
		return isFileKey(a.Key) && isFileKey(a.To)
	}},
	actDeleteObject: {},
	actReconfigure: {needs: hasValue, holds: func(a *Action) bool {
		_, err := bft.ParseReconfiguration(a.Value)
		return err == nil
	}},
	actRelease: {needs: hasKey, holds: func(a *Action) bool {
		_, err := ParseExtentKey(a.Key)
		return err == nil
	}},
}

// valid checks that an action uses the fields of its kind and no other, and
// that values are what their keys say.
func (a *Action) valid() error {
	used := field(hasKey, len(a.Key) > 0) | field(hasTo, len(a.To) > 0) | field(hasValue, len(a.Value) > 0) |
		field(hasFrom, a.From > 0) | field(hasThrough, a.Through > 0) | field(hasBlocks, len(a.Blocks) > 0)
	s, known := actionShapes[a.Kind]
	if !known || !s.fits(used) || !keyLength(a.Key) || !keyLength(a.To) || s.holds != nil && !s.holds(a) {
		return fmt.Errorf("malformed action of kind %d", a.Kind)
	}
	for i := range a.Blocks {
		if err := a.Blocks[i].valid(); err != nil {
			return err
		}
	}
	return nil
}

// keyLength reports whether k may be a key, or a bound just behind one.
func keyLength(k []byte) bool { return len(k) <= wire.TreeKeyBytesMax+1 }

func ordered(lo, hi []byte) bool { return bytes.Compare(lo, hi) < 0 }

func isFileKey(k []byte) bool {
	_, err := ParseFileKey(k)
	return err == nil
}

func isDirKey(k []byte) bool {
	_, _, err := ParseDirEntryKey(k)
	return err == nil
}

func isDirPrefix(k []byte) bool {
	_, err := exact(k, kindDir, len(wire.NodeID{}))
	return err == nil
}

// validValue reports whether an author may give a key of this kind this value.
// Whether this author may touch the key at all is judged with the state.
func validValue(k, value []byte) bool {
	var err error
	switch k[0] {
	case kindDir:
		_, err = ParseDirEntry(value)
		return err == nil && isDirKey(k)
	case kindWriter:
		var w Writer
		w, err = ParseWriter(value)
		_, keyErr := ParseWriterKey(k)
		return err == nil && keyErr == nil && w.Rights == RightWrite
	case kindPolicy:
		_, err = ParsePolicy(value)
		return err == nil && len(k) == 1
	}
	return len(value) <= wire.TreeValueBytesMax // of the executor; nobody may set it
}
