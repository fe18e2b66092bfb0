// Package wire holds what every format of Atoll is made of: identifiers as
// distinct types, the canonical encoding, domain-separated hashes and
// signatures, and the limits that more than one package must agree on.
//
// It imports no other package of Atoll and must never do I/O, read a clock or
// draw randomness: the pure cores are built on it alone. FORMAT.md beside this
// file says byte by byte what it writes.
package wire
