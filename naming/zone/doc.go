// Package zone is a zone as its owner has it: entries, relative to any origin;
// the record sets that they make at one origin; and the signed records that are
// put into the DHT.
//
// It is pure: the time and the keys are arguments, and equal arguments give equal
// records. It must never keep a key, or let two publications of a zone have one
// serial number: that is its caller's.
package zone
