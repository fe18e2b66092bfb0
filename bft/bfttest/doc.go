// Package bfttest tries package bft in a world of its own: virtual time, a
// network that drops, delays, duplicates, reorders and divides, disks that
// survive crashes at any point, rings that follow each other, and members that
// lie. Everything follows from a seed, so a run that fails can be run again.
//
// It must never read a clock or draw randomness from elsewhere. Signatures are
// stood in for by checksums under the signer's name: nobody here forges but on
// purpose, and a run takes thousands of them.
package bfttest
