package namesim

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/atollnet/atoll/dht/beehive"
)

// Line is one figure of a report and what it should be.
type Line struct {
	What, Figure, Target string
	Missed               bool
}

// goals are the targets for a wanted mean of hops: hops and storage.
func goals(hops float64) (hopsMax, storedMax float64, ok bool) {
	switch hops {
	case .5:
		return .55, .06, true
	case .8:
		return .8, .025, true
	}
	return 0, 0, false
}

// Lines returns the figures. Targets are stated for the network that they are
// meant for: half a hop and 0.8 hops.
func (r *Result) Lines() []Line {
	c := r.Config
	hopsMax, storedMax, ok := goals(c.Hops)
	mean, most := r.stored()
	lines := []Line{
		{What: "network", Figure: fmt.Sprintf("%d peers, %d names, Zipf %.2f, %.2g queries a second of each peer", c.Peers, c.Names, c.Zipf, c.Rate)},
		{What: "as a peer estimates it", Figure: fmt.Sprintf("%.0f peers, %.0f names, Zipf %.2f", r.Seen.Peers, r.Seen.Records, r.Seen.Alpha)},
		{What: "closed form for these", Figure: fmt.Sprintf("%.2f hops with %s of all names on a peer", c.Hops, percent(r.Closed.Storage()))},
		r.limit("mean hops before the reversal", r.Before, hopsMax, ok, number),
		{What: "in the first interval after it", Figure: number(r.First)},
		r.limit("from two intervals after it on", r.After, 1.1*r.Before, true, number),
		{What: "in the last interval", Figure: number(r.Last)},
		r.limit("names on a peer, mean, at the most", mean, storedMax, ok, percent),
		r.limit("names on the fullest peer", most, storedMax, ok, percent),
		{What: "pushed and received by a peer", Figure: fmt.Sprintf("%.1f KB/s on average, %.1f in the busiest %s", r.pushed()/1e3, r.busiest()/1e3, tick)},
		{What: "counts and sums, sent by a peer", Figure: fmt.Sprintf("%.0f bytes/s", r.Reports)},
	}
	return append(lines, r.changeLines()...)
}

const tick = tickSeconds * time.Second

func (r *Result) changeLines() []Line {
	c := r.Changes
	return []Line{
		{What: "changed names, their copies on live peers", Figure: fmt.Sprintf("%d, %d", c.Names, c.Copies)},
		{What: "copies updated within 1 s", Figure: percent(c.Within), Target: "at least 98 %", Missed: c.Within < .98},
		{What: "half of them, 98 % of them, after", Figure: fmt.Sprintf("%v, %v", c.Half.Round(time.Millisecond), c.Most.Round(time.Millisecond))},
		{What: "copies that no push reached", Figure: fmt.Sprintf("%d: given out for %d s at most", c.Never, beehive.StaleSecondsMax)},
	}
}

func (r *Result) limit(what string, figure, max float64, ok bool, text func(float64) string) Line {
	l := Line{What: what, Figure: text(figure)}
	if ok {
		l.Target, l.Missed = "at most "+text(max), figure > max
	}
	return l
}

func number(v float64) string  { return fmt.Sprintf("%.3f", v) }
func percent(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) }

// stored returns the most that a peer held on average, and the fullest peer's.
func (r *Result) stored() (mean, most float64) {
	for _, s := range r.Samples {
		mean, most = max(mean, s.StoredMean), max(most, s.StoredMax)
	}
	return mean, most
}

func (r *Result) pushed() (mean float64) {
	for _, s := range r.Samples {
		mean += s.PushBytes / float64(len(r.Samples))
	}
	return mean
}

func (r *Result) busiest() (most float64) {
	for _, s := range r.Samples {
		most = max(most, s.PushBytes)
	}
	return most
}

// Print writes the table and reports whether all targets were reached.
func (r *Result) Print(w io.Writer) (reached bool, err error) {
	reached = true
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "what\tfigure\ttarget\treached\n")
	for _, l := range r.Lines() {
		verdict := ""
		if l.Target != "" {
			verdict = "yes"
		}
		if l.Missed {
			verdict, reached = "no", false
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", l.What, l.Figure, l.Target, verdict)
	}
	return reached, t.Flush()
}
