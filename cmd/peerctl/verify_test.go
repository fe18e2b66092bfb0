package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// exhibit returns the proof that the one member of an object's ring has signed
// two decisions.
func exhibit() (bft.Exhibit, wire.ObjectID, wire.PeerID) {
	owner, peer, member := wire.NewKey([32]byte{1}), wire.NewKey([32]byte{2}), wire.NewKey([32]byte{3})
	self := wire.PeerID(peer.Public())
	body := bft.NewGenesisBody(owner.Public(), "home", [16]byte{}, nil, []bft.Member{{Peer: self, Key: member.Public()}})
	object := body.ObjectID()
	ring := body.Ring()
	cast := func(state byte) bft.Cast {
		d := bft.Decision{Object: object, Epoch: 1, Ring: ring.ID(), Version: 1, State: wire.NodeHash{state}}
		return bft.Cast{Kind: bft.Commit, Decision: d, Signature: bft.SignVote(member, bft.Commit, bft.Ballot{Decision: d.ID()})}
	}
	head := bft.NewHead(bft.NewGenesis(owner, body, []wire.Signature{bft.Accept(peer, object)}), nil)
	return bft.NewExhibit(head, []bft.Evidence{bft.VoteEvidence(ring, cast(1), cast(2))}), object, self
}

func TestVerifyEvidence(t *testing.T) {
	x, object, self := exhibit()
	good := x.Encode()
	x.Evidence[0].Votes[0].Signature[0]++
	for _, c := range []struct {
		name string
		file []byte
		args []string
		code int
		want string
	}{
		{"a proof", good, nil, 0, "evidence: epoch 1: " + self.String() + " has signed two decisions on one version"},
		{"a proof as a document", good, []string{"--json"}, 0, `"lies":[{"epoch":1,"peer":"` + self.String() + `","forked":false}]`},
		{"about that volume", good, []string{object.String()}, 0, "evidence: "},
		{"about another volume", good, []string{wire.ObjectID{1}.String()}, 5, ""},
		{"that proves nothing", x.Encode(), nil, 12, ""},
		{"cut off", good[:len(good)-1], nil, 12, ""},
	} {
		file := filepath.Join(t.TempDir(), "lies")
		if err := os.WriteFile(file, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		var out, complaint bytes.Buffer
		code := run(t.Context(), append([]string{"verify", file}, c.args...), strings.NewReader(""), &out, &complaint)
		if code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: exit code %d, %q; want %d, %q (%s)", c.name, code, out.String(), c.code, c.want, complaint.String())
		}
	}
}
