package custody

// Admission bounds the repairs that run at once, by number and by the bytes
// that they hold. Without it a mass failure has every custodian read everything
// at once, holders miss their deadlines under the load, look lost, and call for
// more repairs; with it the queue is worked off weakest first. The zero value
// admits nothing.
type Admission struct {
	JobsMax  int
	BytesMax int64

	jobs  int
	bytes int64
}

// Admit takes room for a repair that will hold so many bytes, and reports
// whether there was some. One that is larger than all the room is admitted
// alone.
func (a *Admission) Admit(bytes int64) bool {
	if a.jobs >= a.JobsMax || a.jobs > 0 && a.bytes+bytes > a.BytesMax {
		return false
	}
	a.jobs++
	a.bytes += bytes
	return true
}

// Done gives the room back.
func (a *Admission) Done(bytes int64) {
	a.jobs--
	a.bytes -= bytes
}
