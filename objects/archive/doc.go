// Package archive puts the nodes of an object's Merkle maps on other peers, so
// that every version can be read when the ring that made it is gone.
//
// Nodes travel in extents like file blocks do, but unsealed: names and block
// keys in them are sealed already, and every node proves itself by its hash.
// The last stripe of an archive extent is the index of the nodes in it. A Hint
// in the object's head record names the extents, newest first; it is not
// signed, for a false one can only make a reader look in vain.
//
// The package must never trust a byte that it fetched before its hash is
// checked, and never forget a node of a committed version before the extent
// that holds it is stored. FORMAT.md gives the formats.
package archive
