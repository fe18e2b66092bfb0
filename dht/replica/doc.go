// Package replica copies popular records to peers before anybody there asks for
// them, and keeps the copies up to date: what package beehive decides, done over
// the network. PROTOCOL.md describes what peers say to each other.
//
//   - A peer counts the lookups that it answers. The counts travel digit by digit
//     to the home of each record, the peer nearest to its key, which decides on
//     how many peers the record lies (tick.go).
//   - Between a peer and each contact of its table runs a line, a stream that
//     carries records, changes and withdrawals one way. What a line has to carry
//     follows from what this peer holds alone, so a line that was lost is made
//     up for by a new one (line.go).
//   - A copy is given out only as long as a line that brought it is alive, and the
//     one behind that, to the home; ten seconds at the most (link.go).
//
// It must never give out or pass on what Records.Check refuses, and never be the
// only way to a record: what it does not find is looked up otherwise.
package replica
