// Package testnet runs networks of peers on one machine, each a real peerd
// process with a directory, an address and a socket of its own, and breaks
// them on purpose: it kills, pauses, resumes and restarts peers, and says when
// the network is whole again.
//
// Peers count from 0. Peer I lives in D/peerII, listens on 127.I+1.0.1 (a /16
// of its own, so that placement and routing see distinct address groups) on a
// port chosen at its first start, and answers on D/peerII/api.sock. What is
// known about them stands in D/testnet.json, so that one command can break
// what another has started. Addresses, process identities and parent-death
// signals are Linux's: elsewhere every start is refused.
//
// It must never signal a process that it did not start: a pid is used only
// while the process behind it has the start time that was written down.
package testnet
