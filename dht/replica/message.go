package replica

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/wire"
)

// The protocols, one version each.
const (
	LineProtocol     = "/atoll/copies/1"
	FindProtocol     = "/atoll/copies-find/1"
	ReportProtocol   = "/atoll/copies-report/1"
	SumProtocol      = "/atoll/copies-sum/1"
	StandingProtocol = "/atoll/copies-standing/1"
)

var (
	errMessage = errors.New("malformed message")
	errClosed  = errors.New("replica: the link has been closed")
)

type kind uint64

const (
	kindPut  kind = 1 // here is a record
	kindDrop kind = 2 // a record is copied no longer
	kindBeat kind = 3 // nothing is newer than what was sent
)

// message is what a line carries.
type message struct {
	_     struct{} `cbor:",toarray"`
	Kind  kind
	Key   []byte
	Value []byte // of a put
	Age   uint64 // of a beat: how old the sender's own knowledge is, in milliseconds
}

func parseMessage(b []byte) (message, error) {
	var m message
	if err := wire.Unmarshal(b, &m, messageBytesMax); err != nil {
		return m, err
	}
	key := len(m.Key) > 0 && len(m.Key) <= KeyBytesMax
	ok := false
	switch m.Kind {
	case kindPut:
		ok = key && len(m.Value) > 0 && len(m.Value) <= ValueBytesMax && m.Age == 0
	case kindDrop:
		ok = key && len(m.Value) == 0 && m.Age == 0
	case kindBeat:
		ok = len(m.Key) == 0 && len(m.Value) == 0
	}
	if !ok {
		return m, fmt.Errorf("replica: %w of kind %d", errMessage, m.Kind)
	}
	return m, nil
}

// acknowledgement says how many messages of a line have been taken.
type acknowledgement struct {
	_     struct{} `cbor:",toarray"`
	Taken uint64
}

func (*acknowledgement) check() error { return nil }

const ackBytesMax = 16

// findQuestion asks for a record.
type findQuestion struct {
	_   struct{} `cbor:",toarray"`
	Key []byte
}

// findAnswer is the record, or who is to be asked next, or nothing.
type findAnswer struct {
	_     struct{} `cbor:",toarray"`
	Value []byte   // empty: not here
	Next  []next   // at most one
}

// next is a peer and how to reach it.
type next struct {
	_         struct{} `cbor:",toarray"`
	Peer      wire.PeerID
	Addresses []string
}

func (q *findQuestion) check() error {
	if len(q.Key) == 0 || len(q.Key) > KeyBytesMax {
		return fmt.Errorf("replica: %w: a key of %d bytes", errMessage, len(q.Key))
	}
	return nil
}

func (a *findAnswer) check() error {
	if len(a.Value) > ValueBytesMax || len(a.Next) > 1 || len(a.Value) > 0 && len(a.Next) > 0 {
		return fmt.Errorf("replica: %w: an answer of %d bytes and %d peers", errMessage, len(a.Value), len(a.Next))
	}
	return checkNext(a.Next)
}

func checkNext(on []next) error {
	for _, n := range on {
		if len(n.Addresses) > addressesMax {
			return fmt.Errorf("replica: %w: %d addresses", errMessage, len(n.Addresses))
		}
		for _, text := range n.Addresses {
			if len(text) > addressBytesMax {
				return fmt.Errorf("replica: %w: an address of %d bytes", errMessage, len(text))
			}
		}
	}
	return nil
}

// standingQuestion asks how a record stands.
type standingQuestion struct {
	_   struct{} `cbor:",toarray"`
	Key []byte
}

func (q *standingQuestion) check() error { return (&findQuestion{Key: q.Key}).check() }

// standingAnswer is how it stands at its home, or who is to be asked next.
type standingAnswer struct {
	_       struct{} `cbor:",toarray"`
	PerHour uint64   // lookups, in thousandths
	Level   uint64
	Next    []next // at most one
}

func (a *standingAnswer) check() error {
	level := a.Level <= uint64(beehive.Digits) || a.Level == uint64(beehive.AtHome)
	if !level || len(a.Next) > 1 || len(a.Next) > 0 && (a.Level > 0 || a.PerHour > 0) {
		return fmt.Errorf("replica: %w: level %d and %d peers", errMessage, a.Level, len(a.Next))
	}
	return checkNext(a.Next)
}

// report tells how often records were asked for.
type report struct {
	_      struct{} `cbor:",toarray"`
	Counts []count
}

type count struct {
	_   struct{} `cbor:",toarray"`
	Key []byte
	N   uint32 // at most countMax
}

func (r *report) check() error {
	if len(r.Counts) == 0 || len(r.Counts) > CountsMax {
		return fmt.Errorf("replica: %w: %d counts", errMessage, len(r.Counts))
	}
	for _, c := range r.Counts {
		if len(c.Key) == 0 || len(c.Key) > KeyBytesMax || c.N == 0 || c.N > countMax {
			return fmt.Errorf("replica: %w: %d lookups of a key of %d bytes", errMessage, c.N, len(c.Key))
		}
	}
	return nil
}

// done answers a report.
type done struct {
	_ struct{} `cbor:",toarray"`
}

func (*done) check() error { return nil }

// sumQuestion asks for the popularity of the records of all peers that share
// Row digits with the one asked.
type sumQuestion struct {
	_   struct{} `cbor:",toarray"`
	Row uint64
}

func (q *sumQuestion) check() error {
	if q.Row > uint64(beehive.Digits) {
		return fmt.Errorf("replica: %w: row %d", errMessage, q.Row)
	}
	return nil
}

type sumAnswer struct {
	_       struct{} `cbor:",toarray"`
	Peers   uint64
	Unasked uint64
	Asked   [beehive.Buckets]uint64
}

func (*sumAnswer) check() error { return nil }
