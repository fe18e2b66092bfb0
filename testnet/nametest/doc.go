// Package nametest holds tests of names that need real peers and the programs
// with which people ask: dig, delv and kdig. It has no code of its own.
//
// Where these programs are missing its scripts say so and stop; it must never
// ask anything outside of this machine.
package nametest
