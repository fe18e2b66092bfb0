// Package owner keeps the zones of this peer's user: what he wrote, under which
// names and keys it is published, and the signed records as they were published
// last. FORMAT.md describes what it stores.
//
// A serial number is on disk before a record that has it leaves this peer, so
// that after a crash none is used twice. It must never hold a key at rest: keys
// are derived from the user's, by a function that it is given.
package owner
