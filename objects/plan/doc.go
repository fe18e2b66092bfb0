// Package plan decides how many shares of an extent there are, when they are
// repaired and who holds them.
//
// It computes: no clock, randomness, goroutine, input or output. The same
// arguments give the same answer. It must never believe more of a peer than
// that peer can prove without bounding what a lie gains, and never promise a
// durability that its own arithmetic does not give: Redundancy says what is
// reached, which may be less than was asked for.
//
// Sources: Weatherspoon and Kubiatowicz, "Erasure Coding vs. Replication"
// (IPTPS 2002); Bhagwan and others, "Total Recall" (NSDI 2004); Chun and
// others, "Efficient Replica Maintenance" (Carbonite, NSDI 2006); Nath and
// others, "Subtleties in Tolerating Correlated Failures" (NSDI 2006), which is
// why shares are spread over groups.
package plan
