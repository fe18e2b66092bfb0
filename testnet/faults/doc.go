// Package faults holds the tests of what goes wrong between processes: peers
// that are killed, stopped, full, started twice or sent garbage, and users who
// ask for what is not there. Each test runs real peerd and peerctl programs in
// a small network and leaves it whole.
//
// What every test holds: a command that ends with code 0 has done what it says,
// one that does not has left nothing behind, and nobody ever gets wrong bytes.
package faults
