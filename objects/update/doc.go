// Package update is what may happen to an object: signed updates made of
// guarded clauses, and Apply, the pure function by which every replica of a
// ring comes to the same next state.
//
// The state is a map of package tree; keys.go and values.go say what stands in
// it, and serve readers as well as the executor. An update is tried clause by
// clause: the first whose predicates hold and whose actions can all be done is
// done as a whole. What became of it is an Outcome, remembered in the state, so
// that an update sent twice is executed once.
//
// Nothing here may depend on anything but the state, the environment that the
// ring agreed on and the updates: no clock, no randomness, no goroutine, no I/O
// but reading tree nodes, no order of a Go map. A bad update ends in an outcome
// and never in an error or a panic. FORMAT.md holds the encodings.
package update
