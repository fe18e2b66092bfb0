// Package naming holds what all of Atoll's naming agrees on: the keys of zones,
// their self-certifying names, and the digests by which records are found.
//
// A zone is an Ed25519 key pair. Its owner signs its record sets as DNSSEC does
// (RFC 4033 to 4035, 5155, 8080) when he publishes it; the signed sets of one
// owner name are one record in the DHT. Package zone signs, package record is
// the form in the DHT, package resolver finds and checks, package server answers
// DNS clients.
//
// This package and those below it must never reach the DHT or libp2p: node hands
// them what they read from.
package naming
