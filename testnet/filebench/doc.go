// Package filebench measures what a user of files waits for, on a network of
// peers that are processes on one machine: large files, small ones, trees,
// ranges, and what peers take when nobody asks for anything. Times are those
// of peerctl from its start to its end, held against coreutils sha256sum of
// the same file in the same run.
//
// It must never report a figure of what did not come back as it was stored.
package filebench
