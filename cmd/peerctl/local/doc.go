// Package local is peerctl's side of the file system: it reads files and trees
// that are to be stored, and puts what was fetched in its place, whole or not
// at all.
//
// It must never let a partial file stand under its final name, write outside
// the directory that it was given, or follow links that came with a tree.
package local
