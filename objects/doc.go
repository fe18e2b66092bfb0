// Package objects is the gateway's side of a volume: it turns files and trees
// into sealed blocks, extents and updates, and certified versions back into
// files and trees. Encryption happens here; what leaves this package is
// ciphertext and signed statements.
//
// It must never show a byte that has not been checked back to a certificate,
// never report a state (stored, ordered, archived) that has not been reached,
// and never touch libp2p or the local store: those come through the interfaces
// in ports.go, which package node supplies.
package objects
