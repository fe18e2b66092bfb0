package replica

import (
	"bytes"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func FuzzMessage(f *testing.F) {
	f.Add(wire.Marshal(message{Kind: kindPut, Key: []byte("/atoll-name/x"), Value: []byte("signed")}))
	f.Add(wire.Marshal(message{Kind: kindDrop, Key: []byte("/atoll-name/x")}))
	f.Add(wire.Marshal(message{Kind: kindBeat, Age: 1500}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseMessage(b)
		if err != nil {
			return
		}
		if got := wire.Marshal(m); !bytes.Equal(got, b) {
			t.Fatalf("%x parses but encodes to %x", b, got)
		}
	})
}

// again returns what a question or an answer that parses encodes to, or nil.
func again[T any, P checked[T]](b []byte, max int) []byte {
	var v T
	if wire.Unmarshal(b, &v, max) != nil || P(&v).check() != nil {
		return nil
	}
	return wire.Marshal(v)
}

// questions are all that the protocols of questions carry.
var questions = []struct {
	example any
	again   func(b []byte) []byte
}{
	{findQuestion{Key: []byte("/atoll-name/x")}, func(b []byte) []byte { return again[findQuestion](b, findBytesMax) }},
	{findAnswer{Value: []byte("signed")}, func(b []byte) []byte { return again[findAnswer](b, findBytesMax) }},
	{findAnswer{Next: []next{{Peer: peerID(1), Addresses: []string{"/ip4/127.0.0.1/tcp/1"}}}},
		func(b []byte) []byte { return again[findAnswer](b, findBytesMax) }},
	{report{Counts: []count{{Key: []byte("/atoll-name/x"), N: 3}}}, func(b []byte) []byte { return again[report](b, reportBytesMax) }},
	{done{}, func(b []byte) []byte { return again[done](b, 1) }},
	{sumQuestion{Row: 1}, func(b []byte) []byte { return again[sumQuestion](b, sumBytesMax) }},
	{sumAnswer{Peers: 10, Unasked: 7}, func(b []byte) []byte { return again[sumAnswer](b, sumBytesMax) }},
	{standingQuestion{Key: []byte("/atoll-name/x")}, func(b []byte) []byte { return again[standingQuestion](b, findBytesMax) }},
	{standingAnswer{PerHour: 1500, Level: 2}, func(b []byte) []byte { return again[standingAnswer](b, standingBytesMax) }},
	{standingAnswer{Next: []next{{Peer: peerID(1), Addresses: []string{"/ip4/127.0.0.1/tcp/1"}}}},
		func(b []byte) []byte { return again[standingAnswer](b, standingBytesMax) }},
	{acknowledgement{Taken: 9}, func(b []byte) []byte { return again[acknowledgement](b, ackBytesMax) }},
}

func FuzzQuestions(f *testing.F) {
	for i, q := range questions {
		b := wire.Marshal(q.example)
		f.Add(uint8(i), b)
		if !bytes.Equal(q.again(b), b) {
			f.Fatalf("%+v is refused", q.example)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		if got := questions[int(which)%len(questions)].again(b); got != nil && !bytes.Equal(got, b) {
			t.Fatalf("%x parses but encodes to %x", b, got)
		}
	})
}
