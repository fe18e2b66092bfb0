package filebench

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"text/tabwriter"
)

// Figure is one thing that was measured: the median of all samples, in a unit.
type Figure struct {
	What   string    `json:"what"`
	Unit   string    `json:"unit"` // s, ms, MiB, KB/s, % or x
	Median float64   `json:"median"`
	All    []float64 `json:"all"`
	Target float64   `json:"target,omitempty"` // at most; 0: none
	CPU    *CPU      `json:"cpu,omitempty"`    // medians
}

// CPU is processor time in seconds.
type CPU struct {
	Gateway float64 `json:"gateway"` // the peer whose user is served
	Others  float64 `json:"others"`  // all other peers together
}

// document is what --json prints.
type document struct {
	CPUs    int      `json:"cpus"`
	Go      string   `json:"go"`
	Peers   int      `json:"peers"`
	Dead    int      `json:"dead"`
	Runs    int      `json:"runs"`
	Bytes   int64    `json:"bytes"`
	Files   int      `json:"files"`
	Seed    uint64   `json:"seed"`
	Figures []Figure `json:"figures"`
}

func figure(what, unit string, all []float64, target float64) Figure {
	return Figure{What: what, Unit: unit, Median: median(all), All: all, Target: target}
}

func seconds(what string, all []float64, target float64) Figure {
	return figure(what, "s", all, target)
}

func milliseconds(what string, all []float64, target float64) Figure {
	scaled := make([]float64, len(all))
	for i, v := range all {
		scaled[i] = 1000 * v
	}
	return figure(what, "ms", scaled, target)
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func (b *bench) print(figures []Figure) error {
	if b.JSON {
		return json.NewEncoder(b.Out).Encode(document{
			CPUs: runtime.NumCPU(), Go: runtime.Version(), Peers: b.Peers, Dead: b.Dead, Runs: b.Runs,
			Bytes: b.Bytes, Files: b.Files, Seed: b.Seed, Figures: figures,
		})
	}
	t := tabwriter.NewWriter(b.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHAT\tMEDIAN\tRANGE\tTARGET\tREACHED\tCPU OF GATEWAY\tOF OTHERS")
	for _, f := range figures {
		target, reached := "–", "–"
		if f.Target > 0 {
			target, reached = "≤ "+amount(f.Target, f.Unit), "no"
			if f.Median <= f.Target {
				reached = "yes"
			}
		}
		gateway, others := "", ""
		if f.CPU != nil {
			gateway, others = fmt.Sprintf("%.2f s", f.CPU.Gateway), fmt.Sprintf("%.2f s", f.CPU.Others)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.What, amount(f.Median, f.Unit), spread(f), target, reached, gateway, others)
	}
	return t.Flush()
}

func spread(f Figure) string {
	if len(f.All) < 2 {
		return "–"
	}
	return fmt.Sprintf("%.4g–%.4g", slices.Min(f.All), slices.Max(f.All))
}

func amount(v float64, unit string) string { return fmt.Sprintf("%.3g %s", v, unit) }
