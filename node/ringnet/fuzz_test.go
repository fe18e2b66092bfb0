package ringnet

import (
	"bytes"
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// again parses bytes as a T and returns what it encodes to; nil if they are
// refused.
func again[T any](b []byte) []byte {
	var v T
	if wire.Unmarshal(b, &v, AnswerBytesMax) != nil {
		return nil
	}
	return wire.Marshal(v)
}

// bodies are all that kinds.go describes, each with an example.
var bodies = []struct {
	again   func([]byte) []byte
	example any
}{
	{again[Reserve], Reserve{Owner: wire.PublicKey{1}}},
	{again[Reserved], Reserved{Key: wire.PublicKey{1}}},
	{again[Accept], Accept{Body: bft.GenesisBody{Label: "home", Members: []bft.Member{{Peer: wire.PeerID{1}}}}}},
	{again[Accepted], Accepted{}},
	{again[Found], Found{Genesis: bft.Genesis{Acceptances: make([]wire.Signature, 4)}}},
	{again[Done], Done{}},
	{again[Submit], Submit{Object: wire.ObjectID{1}, Update: []byte("update")}},
	{again[Ordered], Ordered{Outcome: []byte{1}, Proof: bft.OutcomeProof{}}},
	{again[OfObject], OfObject{Object: wire.ObjectID{1}}},
	{again[Record], Record{Bytes: []byte("head")}},
	{again[Nodes], Nodes{Name: wire.NodeHash{1}}},
	{again[NodeList], NodeList{Nodes: [][]byte{{1}, {}}}},
	{again[Versions], Versions{From: 1, Count: 7, Batches: true}},
	{again[VersionList], VersionList{Versions: []VersionData{{}, {Batch: &bft.Batch{Updates: [][]byte{{1}}}}}}},
	{again[Archive], Archive{Version: 9}},
	{again[Relay], Relay{Head: []byte{1}}},
	{again[Status], Status{Nonce: bft.Nonce{1}}},
	{again[StatusSigned], StatusSigned{Status: bft.Status{Member: 1}}},
	{again[Watch], Watch{After: 7}},
	{again[News], News{}},
	{again[EvidenceList], EvidenceList{Evidence: [][]byte{{1}}}},
}

func FuzzBodies(f *testing.F) {
	for i, b := range bodies {
		f.Add(uint8(i), wire.Marshal(b.example))
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		if got := bodies[int(which)%len(bodies)].again(b); got != nil && !bytes.Equal(got, b) {
			t.Fatalf("%x parses but encodes to %x", b, got)
		}
	})
}

func TestExamplesParse(t *testing.T) {
	for _, b := range bodies {
		e := wire.Marshal(b.example)
		if !bytes.Equal(b.again(e), e) {
			t.Errorf("%T does not survive its encoding", b.example)
		}
	}
}

func FuzzQuestion(f *testing.F) {
	f.Add(wire.Marshal(question{Kind: KindHead, Body: wire.Marshal(OfObject{})}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := again[question](b); got != nil && !bytes.Equal(got, b) {
			t.Fatalf("%x parses but encodes to %x", b, got)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(wire.Marshal(answer{More: true, Body: wire.Marshal(Done{})}))
	f.Add(wire.Marshal(answer{Failure: newFailure(errs.Newf("a", "b", errs.NotFound, "c"))}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a answer
		if wire.Unmarshal(b, &a, AnswerBytesMax) != nil {
			return
		}
		if got := wire.Marshal(a); !bytes.Equal(got, b) {
			t.Fatalf("%x parses but encodes to %x", b, got)
		}
		if a.Failure != nil {
			_ = a.Failure.err(wire.PeerID{1}).Error() // whatever it says, it does not panic
		}
	})
}
