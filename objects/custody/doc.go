// Package custody decides what a custodian does: which shares to audit, which
// extents to repair and in what order, when a silent peer counts as lost, whose
// turn it is among several custodians, whom to avoid, and when a lease is due.
//
// It computes: no clock, randomness, goroutine, input or output, and no order
// of a map. What is known comes in, what to do goes out, so that a running peer
// (package keeper) and the simulator (testnet/custodysim) follow the very same rules.
// It must never call for a deletion, never count one share twice, and never
// take a share for lost because this peer itself was asleep or cut off.
//
// Sources: Chun and others, "Efficient Replica Maintenance" (Carbonite, NSDI
// 2006), for counting back in what returns; Nath and others, "Subtleties in
// Tolerating Correlated Failures" (NSDI 2006), for admission control after mass
// failures; Maniatis and others, "Preserving Peer Replicas" (LOCKSS, SOSP
// 2003), for audits that cannot be foreseen.
package custody
