// Package runner gives the replicas of package bft a log, a clock and a
// network: a Host orders the updates of any number of objects, as one member of
// each object's ring.
//
// It must never send, serve or answer what is not durable yet, and never decide
// anything that package bft decides. An object that waits for nothing has no
// goroutine and no timer, and may have nothing in memory at all: what is stored
// is all that a replica is made of. FORMAT.md says how it is stored.
package runner
