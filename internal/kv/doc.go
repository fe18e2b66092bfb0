// Package kv is the local store: an ordered map from byte keys to byte values
// with atomic updates, on Badger v4. It is the only package that knows Badger.
//
// An Update is atomic at once and durable after the next Sync. Callers that
// wait for a Sync at the same time share one. Values of 1 KiB and more lie in
// a value log and are handed out without a copy; the 8 MiB memtables hold only
// keys and small values, so memory does not grow with what is stored.
//
// Bulk of 64 KiB and more belongs in Files: one file each, beside Badger.
// Writing it costs a fifth of the CPU that the mapped value log takes, and
// removing it gives the room back at once.
//
// A damaged value is an error that matches ErrDamaged, never other bytes. No
// key or value is logged.
//
// Users of one store are kept apart by the first byte of their keys:
//
//	'p'  objects/store: shares, manifests, leases
//	't'  objects/store: tree nodes
//	'r'  bft: what rings have decided and voted
//	'a'  objects/archive: what is archived, and what is still to be
//	'c'  objects/custody/keeper: what holders have proved
//	'd'  dht: records and providers
//
// # What a crash leaves
//
// A killed process loses nothing: each Update is in the page cache when it
// returns. A power cut may lose what was not synced, later Updates first. In
// two cases Badger's own order of writes adds to that. A large value that was
// overwritten and not yet synced may read as damaged rather than as the old
// one. And while the collection of the value log is at work (a second or two
// for 64 MiB, every ten minutes at most) the values that it moves may read as
// damaged. Large values are shares, which the network repairs, and tree nodes,
// which can be fetched again; what must never be lost belongs in small values
// or under keys that are written once.
package kv
