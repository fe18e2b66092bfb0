package demo

// What is measured is shown, and a failure to measure fails nothing.

// cpu returns the CPU seconds of all peers that run.
func (r *run) cpu() (total float64) {
	if r.network == nil {
		return 0
	}
	for i := range r.Peers {
		if u, err := r.network.Usage(i); err == nil {
			total += u.CPUSeconds
		}
	}
	return total
}

func (r *run) peakMemory(peer int) int64 {
	u, err := r.network.Usage(peer)
	if err != nil {
		return 0
	}
	return u.PeakBytes
}

func (r *run) meanMemory() int64 {
	var total int64
	for i := range r.Peers {
		if u, err := r.network.Usage(i); err == nil {
			total += u.ResidentBytes
		}
	}
	return total / int64(r.Peers)
}
