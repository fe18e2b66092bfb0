package bfttest

import (
	"fmt"
	"strings"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// execute is the executor: states are hashes of all that was executed. An update
// that names the ring after the present one makes it, and is the last of its
// version.
func execute(x bft.Execute, ring bft.RingCert) bft.Executed {
	out := bft.Executed{Token: x.Token}
	parts := [][]byte{x.Root[:], wire.Uint64(uint64(x.Version)), wire.Uint64(uint64(x.TimeUnixMilli))}
	for i, u := range x.Updates {
		parts = append(parts, wire.Uint64(uint64(len(u))), u)
		out.Outcomes = append(out.Outcomes, []byte{byte(i)})
		if out.NextRing = nextRing(u, ring); out.NextRing != nil {
			break
		}
	}
	out.Root = wire.NodeHash(wire.Derive(wire.ContextNode, parts...))
	return out
}

// change returns the nth update, which makes peers the ring of an epoch.
func change(n int, e wire.Epoch, peers []int) []byte {
	words := []string{"ring", fmt.Sprint(n), fmt.Sprint(e)}
	for _, p := range peers {
		words = append(words, fmt.Sprint(p))
	}
	return []byte(strings.Join(words, " "))
}

// nextRing returns the ring that an update makes, if it is one that may follow.
func nextRing(update []byte, ring bft.RingCert) *bft.RingCert {
	words := strings.Fields(string(update))
	if len(words) < 4 || words[0] != "ring" || words[2] != fmt.Sprint(ring.Epoch+1) {
		return nil
	}
	next := bft.RingCert{Object: ring.Object, Epoch: ring.Epoch + 1, Previous: ring.ID()}
	for _, word := range words[3:] {
		var peer int
		if _, err := fmt.Sscan(word, &peer); err != nil {
			return nil
		}
		next.Members = append(next.Members, newMember(peer, next.Epoch))
	}
	return &next
}
