// Package custodysim simulates the custody of very many extents in virtual time:
// peers live, go away for a while, and die; what custodians then do is decided by
// objects/custody, the same code that running peers use. It counts losses and
// repair traffic, and draws the redundancy over time.
//
// A run is a function of its configuration: the same seed gives the same run. It
// must never decide by itself what package custody decides.
//
// What is left out: audits (a share is lost with its peer, and only so), the
// network (a repair takes the time that it is given), and custodians (there is
// one, who is never away). Whether an extent is to be repaired is looked at when
// a holder becomes lost, not at every silence.
package custodysim
