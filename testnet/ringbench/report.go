package ringbench

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// figure is one measurement and what it is held against.
type figure struct {
	what   string
	is     string
	target string // "–": none
	ok     bool
}

// row is what one case gave, and the CPU seconds of all members while it ran.
type row struct {
	what    string
	figures []figure
	cpu     float64
}

func print(w io.Writer, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHAT\tFIGURE\t\tTARGET\tREACHED\tCPU OF ALL MEMBERS")
	for _, r := range rows {
		what, cpu := r.what, fmt.Sprintf("%.1f s", r.cpu)
		for _, f := range r.figures {
			reached := "no"
			switch {
			case f.target == "":
				f.target, reached = "–", "–"
			case f.ok:
				reached = "yes"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", what, f.what, f.is, f.target, reached, cpu)
			what, cpu = "", ""
		}
	}
	return t.Flush()
}

// atMost is a figure of a duration that should not be longer. Zero: no target.
func atMost(what string, is, target time.Duration) figure {
	f := figure{what: what, is: short(is), ok: is <= target}
	if target > 0 {
		f.target = "≤ " + short(target)
	}
	return f
}

// atLeast is a figure that should not be smaller. Zero: no target.
func atLeast(what string, is, target float64, unit string) figure {
	f := figure{what: what, is: fmt.Sprintf("%.0f%s", is, unit), ok: is >= target}
	if target > 0 {
		f.target = fmt.Sprintf("≥ %.0f%s", target, unit)
	}
	return f
}

// below is a figure of an amount that should not be larger. Zero: no target.
func below(what string, is, target float64, unit string) figure {
	f := figure{what: what, is: fmt.Sprintf("%.1f%s", is, unit), ok: is <= target}
	if target > 0 {
		f.target = fmt.Sprintf("≤ %.0f%s", target, unit)
	}
	return f
}

func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// quantile returns the value below which a part of the sorted durations lies.
func quantile(sorted []time.Duration, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(float64(len(sorted))*part), len(sorted)-1)]
}

func sorted(all []time.Duration) []time.Duration {
	slices.Sort(all)
	return all
}
