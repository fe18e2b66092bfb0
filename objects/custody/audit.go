package custody

import "math"

// AuditBytesMax is the most bytes of a share that one audit has proved. With
// the way up the share's tree it is below 20 KiB, so a million audits a day take
// less than 250 KB/s.
const AuditBytesMax = 16 << 10

// AuditDue reports whether an extent is to be audited, at a time in seconds of
// any clock: never audited, long ago, or in the future, which says that a clock
// has jumped. draw in [0, 1) spreads the audits of what was stored together.
func AuditDue(last, now, every int64, draw float64) bool {
	if last == 0 || last > now {
		return true
	}
	return float64(now-last) >= float64(every)*(0.75+0.5*draw)
}

// AuditsFor returns how many shares of a holder, drawn at random, must be
// audited to find with the wanted probability that it dropped this part of
// them.
func AuditsFor(dropped, probability float64) int {
	return int(math.Ceil(math.Log1p(-probability) / math.Log1p(-dropped)))
}

// LeaseDue reports whether a lease of so many seconds, granted or renewed at a
// time, is to be renewed: when half of it is over by the custodian's clock. The
// holder counts its own uptime, which cannot have run faster, so at least the
// other half is left for further attempts. A time in the future says that the
// clock has jumped: renewing early harms nobody.
func LeaseDue(renewed, now int64, leaseSeconds uint64) bool {
	return renewed > now || now-renewed >= int64(leaseSeconds/2)
}
