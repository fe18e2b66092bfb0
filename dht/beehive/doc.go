// Package beehive decides which records lie on which peers before anybody there
// asks for them (Ramasubramanian and Sirer, NSDI 2004; as in CoDoNS, SIGCOMM
// 2004). A record at level i lies on all peers whose place shares i digits of
// four bits with its key: at level 0 on all, so that nobody needs a hop.
//
//   - Model solves for the least copies that give a wanted mean of hops;
//   - Counter counts what a peer was asked, Homes what all were, of the records
//     that lie nearest to this peer;
//   - Summary adds up, digit by digit, how popular the records of all peers
//     are; its Levels say from which rate on a record belongs to a level;
//   - Homes.Plan says which records change their level, within a budget;
//   - Table routes lookups and counts one digit nearer, and says to whom a push
//     goes next, so that it reaches each peer of its level once.
//
// Package replica runs it in the daemon, and a simulation (testnet/namesim) the
// very same code. It must never read a clock, draw randomness, start a goroutine,
// depend on map order or do I/O.
package beehive
