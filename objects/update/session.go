package update

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	// SessionSeqs is how many sequence numbers a session remembers: the
	// highest used and those less than SessionSeqs below it. An author has
	// fewer updates in flight than that.
	SessionSeqs = 64
	// SessionVersions is how many versions after its last update a session
	// leaves the state.
	SessionVersions = 10_000
)

// SessionWindow is the value of a `c` key: what became of the last updates of
// one session, so that none is executed twice.
type SessionWindow struct {
	_       struct{}     `cbor:",toarray"`
	Latest  wire.Version // that executed an update of the session
	Records []Record     // ascending by Seq
}

// Record is what became of one update.
type Record struct {
	_       struct{} `cbor:",toarray"`
	Seq     wire.Seq
	ID      [8]byte // the first bytes of the update's ID
	Status  Status  // Applied or Aborted
	Clause  uint32
	Reason  Reason
	Version wire.Version
}

// recordBytesMax is the most bytes of an encoded record.
const recordBytesMax = 1 + 9 + 9 + 2 + 5 + 2 + 9

// Encode returns the value: what wire.Marshal would write, but by hand, since
// every update reads and writes one.
func (w SessionWindow) Encode() []byte {
	b := make([]byte, 0, 12+recordBytesMax*len(w.Records))
	b = wire.AppendHead(b, wire.MajorArray, 2)
	b = wire.AppendHead(b, wire.MajorUint, uint64(w.Latest))
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(w.Records)))
	for i := range w.Records {
		r := &w.Records[i]
		b = wire.AppendHead(b, wire.MajorArray, 6)
		b = wire.AppendHead(b, wire.MajorUint, uint64(r.Seq))
		b = append(wire.AppendHead(b, wire.MajorBytes, uint64(len(r.ID))), r.ID[:]...)
		b = wire.AppendHead(b, wire.MajorUint, uint64(r.Status))
		b = wire.AppendHead(b, wire.MajorUint, uint64(r.Clause))
		b = wire.AppendHead(b, wire.MajorUint, uint64(r.Reason))
		b = wire.AppendHead(b, wire.MajorUint, uint64(r.Version))
	}
	return b
}

// ParseSessionWindow parses the value of a `c` key.
func ParseSessionWindow(b []byte) (w SessionWindow, err error) {
	p := wire.NewParser(b)
	p.Array(2)
	w.Latest = wire.Version(p.Uint())
	count := p.Count()
	if !p.Good() || count > SessionSeqs {
		return SessionWindow{}, fmt.Errorf("%w: session with a bad head", ErrValue)
	}
	w.Records = make([]Record, 0, count+1) // room for the next
	for range count {
		w.Records = append(w.Records, recordOf(&p))
	}
	if !p.Good() || p.Left() > 0 {
		return SessionWindow{}, fmt.Errorf("%w: session that is not canonical", ErrValue)
	}
	if err := w.valid(); err != nil {
		return SessionWindow{}, fmt.Errorf("%w: %w", ErrValue, err)
	}
	return w, nil
}

func recordOf(p *wire.Parser) (r Record) {
	p.Array(6)
	r.Seq = wire.Seq(p.Uint())
	if id := p.Bytes(len(r.ID)); copy(r.ID[:], id) < len(r.ID) {
		p.Fail()
	}
	r.Status = Status(p.UintMax(math.MaxUint8))
	r.Clause = uint32(p.UintMax(math.MaxUint32))
	r.Reason = Reason(p.UintMax(math.MaxUint8))
	r.Version = wire.Version(p.Uint())
	return r
}

func (w *SessionWindow) valid() error {
	if len(w.Records) == 0 || len(w.Records) > SessionSeqs {
		return errors.New("session with no record, or too many")
	}
	for i := 1; i < len(w.Records); i++ {
		if w.Records[i-1].Seq >= w.Records[i].Seq {
			return errors.New("session with records out of order")
		}
	}
	return nil
}

// find returns where the record of a sequence number is or belongs.
func (w *SessionWindow) find(seq wire.Seq) (int, bool) {
	return slices.BinarySearchFunc(w.Records, seq, func(r Record, seq wire.Seq) int {
		return cmp.Compare(r.Seq, seq)
	})
}

// seen returns the outcome of an update whose sequence number was used before
// or is too old to tell, and whether that is so.
func (w *SessionWindow) seen(s *Signed) (Outcome, bool) {
	i, used := w.find(s.Seq)
	switch {
	case used && w.Records[i].ID != shortID(s.ID):
		return refused(ReasonReused), true
	case used:
		r := w.Records[i]
		return Outcome{Status: r.Status, Clause: r.Clause, Reason: r.Reason, Version: r.Version, Repeated: true}, true
	case len(w.Records) > 0 && tooOld(s.Seq, w.highest()):
		return refused(ReasonStale), true
	}
	return Outcome{}, false
}

// highest returns the highest sequence number used; there is a record.
func (w *SessionWindow) highest() wire.Seq { return w.Records[len(w.Records)-1].Seq }

// tooOld reports whether a sequence number has left the window.
func tooOld(seq, highest wire.Seq) bool { return highest > seq && highest-seq >= SessionSeqs }

// record remembers an outcome and forgets what is too old.
func (w *SessionWindow) record(s *Signed, o Outcome) {
	i, _ := w.find(s.Seq)
	w.Records = slices.Insert(w.Records, i, Record{
		Seq: s.Seq, ID: shortID(s.ID), Status: o.Status, Clause: o.Clause, Reason: o.Reason, Version: o.Version,
	})
	highest := w.highest()
	w.Records = slices.DeleteFunc(w.Records, func(r Record) bool { return tooOld(r.Seq, highest) })
	w.Latest = o.Version
}

func shortID(id wire.UpdateID) [8]byte { return [8]byte(id[:8]) }

func refused(r Reason) Outcome { return Outcome{Status: Refused, Reason: r} }
