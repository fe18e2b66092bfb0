// Package bft orders the updates of one object among the members of its ring.
//
// It holds what a ring signs and what a reader checks (genesis, ring
// certificates, decisions, certificates, head records; FORMAT.md), and the
// agreement itself: PBFT with one proposal in flight, as a state machine that
// takes inputs and returns effects (PROTOCOL.md). A ring of one member runs the
// same code with f=0.
//
// It must never read a clock, draw randomness, start a goroutine, depend on the
// order of a map or do input and output: the same inputs give the same effects,
// on every machine and in every test. Package bft/runner gives it a log, a
// clock and a network. Bad input from others is an error or is ignored, never a
// panic.
package bft
