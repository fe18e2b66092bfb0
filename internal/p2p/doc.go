// Package p2p is the network of a peer: one libp2p host with the transports,
// the limits and the manners that every Atoll protocol shares. A peer is known
// by its Ed25519 key alone; others are not spoken to.
//
// Streams that others open are admitted by token buckets per peer and per
// address group (keys are free, addresses less so) and counted while they are
// open; what exceeds a limit is reset at once. A handler runs in a goroutine
// that the Host owns, and Close waits for it.
//
// It must never interpret what a protocol carries, and never keep a peer's
// bytes beyond the stream they came on.
package p2p
