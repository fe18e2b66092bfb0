package envelope

import "fmt"

// RetentionMax is the most that any rule of a Retention may say, in versions,
// periods or seconds.
const RetentionMax = 1 << 40

// Retention is which versions of a volume are kept: the last ones, the newest of
// each of so many hours, days, weeks, months and years, and all that are not
// older than so many seconds. Nothing said keeps all.
type Retention struct {
	_             struct{} `cbor:",toarray"`
	Last          uint64
	Hourly        uint64
	Daily         uint64
	Weekly        uint64
	Monthly       uint64
	Yearly        uint64
	WithinSeconds uint64
}

// IsEmpty reports whether nothing is said.
func (r Retention) IsEmpty() bool { return r == Retention{} }

func (r Retention) check() error {
	for _, n := range []uint64{r.Last, r.Hourly, r.Daily, r.Weekly, r.Monthly, r.Yearly, r.WithinSeconds} {
		if n > RetentionMax {
			return fmt.Errorf("retention of %d, at most %d is allowed", n, uint64(RetentionMax))
		}
	}
	return nil
}
