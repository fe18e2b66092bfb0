// Package tree is the replicated state of an object: an ordered map from byte
// keys to small values, kept as a copy-on-write B-tree whose nodes are named by
// their hashes. The hash of the root names the whole map.
//
// Every entry and every child pointer carries the version that last changed
// it, and every node the newest version in which something was deleted from
// it. So whether a range has changed since a version is answered from one
// path, and the difference of two versions costs only what differs.
//
// Same base and same edits give the same root on every replica: the package
// has no clock, no randomness, no goroutine and no I/O of its own, and must
// never get any. Nodes come from a Source, which vouches that bytes match the
// hash they were asked by; their structure is checked here, so that a hostile
// tree is an error and never a panic, a cycle or an endless walk. FORMAT.md
// holds the encoding and the rule by which nodes split and merge.
package tree
