// Package keeper runs the custody of this peer's objects: it audits the holders
// of every extent, rebuilds what is lost on other peers, counts back in what
// returns, moves shares towards new peers and renews leases. What to do is
// decided in package custody; this does it.
//
//	auditor   ─▶ a range of each share, chosen now ─▶ what a holder proved or lost
//	repairers ─▶ K live shares ─▶ the missing ones ─▶ new holders, by signed order
//	renewer   ─▶ a fresh lease for each share, at half of the old one
//	teller    ─▶ that an object is deleted, to each of its holders
//
// It needs no key of a volume and changes no certified state: a share is checked
// against its manifest, and where it moved to is found through provider records.
// It must never delete anything, never outrun its byte rate, and give way to the
// users of this peer. What it knows of holders it keeps on disk; losing that
// costs audits, never data. FORMAT.md gives the records.
package keeper
