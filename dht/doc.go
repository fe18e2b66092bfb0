// Package dht finds things without asking anyone in particular: the head record
// of an object, the holders of an extent, the peers nearest to a key. It is
// go-libp2p-kad-dht under the protocol prefix /atoll, with what that library
// leaves open:
//
//   - lookups that dead and stopped peers do not hold up: a peer that is slow no
//     longer counts as one of those asked at the same time, and one that is late
//     is left out (walk.go);
//   - puts that say how many peers confirmed, and records that their holders put
//     again;
//   - tables of fixed size, whatever others send (table.go);
//   - a floor per head: this peer never returns, stores or passes on a head
//     older than one that it has seen, over restarts too.
//
// It must never trust what it finds: a head is what HeadRule lets pass, a
// provider only a peer worth asking. It does not know what a head means.
package dht
