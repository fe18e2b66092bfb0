// Package namesim simulates proactive caching in a large network, in virtual
// time: thousands of peers that run the code of dht/beehive, names by the
// million, queries by Zipf's law, and a reversal of the popularity order half
// way. It measures hops, copies, bytes and how fast a change reaches all
// copies.
//
// It must never decide what the daemon decides elsewhere: which records are
// copied, where to and by whom comes from dht/beehive alone. It draws all
// chances from one seed and prints it.
package namesim
