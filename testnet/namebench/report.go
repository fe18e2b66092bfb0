package namebench

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
	target string // "": none
	ok     bool
}

func print(w io.Writer, figures []figure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHAT\tFIGURE\tTARGET\tREACHED")
	for _, f := range figures {
		target, reached := "–", "–"
		if f.target != "" {
			target, reached = f.target, "no"
		}
		if f.ok && f.target != "" {
			reached = "yes"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.what, f.is, target, reached)
	}
	return t.Flush()
}

// atMost is a figure that should not be larger, atLeast one that should not be
// smaller. Zero: no target.
func atMost(what string, is, target float64, unit string) figure {
	f := figure{what: what, is: amount(is) + unit, ok: is <= target}
	if target > 0 {
		f.target = "≤ " + amount(target) + unit
	}
	return f
}

func atLeast(what string, is, target float64, unit string) figure {
	f := figure{what: what, is: amount(is) + unit, ok: is >= target}
	if target > 0 {
		f.target = "≥ " + amount(target) + unit
	}
	return f
}

func amount(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// quantile returns the value below which a part of the values lies.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(float64(len(sorted))*part), len(sorted)-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
