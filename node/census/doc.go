// Package census knows the peers of the network: who they are, where they
// listen, how much room they offer. Each peer signs a record of itself; records
// spread by exchanges between two peers, which are frequent while somebody has
// something to learn and rare when nobody has.
//
// A record says only what its peer claims. A peer that is met is known to live;
// one that cannot be reached is suspect, then dropped, until it signs a newer
// record. What others say of a third peer never makes it suspect.
//
// The package must never trust a number in a record further than for choosing
// whom to ask, and its table never grows beyond its limits, whoever fills it.
package census
