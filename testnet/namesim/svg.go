package namesim

import (
	"fmt"
	"io"
	"strings"

	"github.com/atollnet/atoll/dht/beehive"
)

// The picture: two charts, one below the other, over the same hours.
const (
	svgWidth, svgHeight = 760, 480
	left, right         = 64, 740
	chartHeight         = 160
)

// chart is one of them.
type chart struct {
	title, unit string
	top         int
	max         float64 // at the upper edge
	step        float64 // between two lines
	lines       []curve
	goal        float64 // 0: none
}

type curve struct {
	name, colour string
	value        func(Sample) float64
}

// SVG draws the mean of the hops, and what a peer stores, over time.
func (r *Result) SVG(w io.Writer) error {
	hopsMax, storedMax, _ := goals(r.Config.Hops)
	charts := []chart{
		{
			title: "mean hops of a lookup", top: 50, max: 2.5, step: .5, goal: hopsMax,
			lines: []curve{{"", "#1f6fb4", func(s Sample) float64 { return s.Hops }}},
		},
		{
			title: "names on a peer, % of all", unit: " %", top: 270, max: 8, step: 2, goal: 100 * storedMax,
			lines: []curve{
				{"mean", "#1f6fb4", func(s Sample) float64 { return 100 * s.StoredMean }},
				{"fullest peer", "#c2571a", func(s Sample) float64 { return 100 * s.StoredMax }},
			},
		},
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&b, `<text x="%d" y="20" font-size="14">%d peers, %d names, Zipf %.2f, aim %.2g hops, seed %d</text>`+"\n",
		left, r.Config.Peers, r.Config.Names, r.Config.Zipf, r.Config.Hops, r.Config.Seed)
	for _, c := range charts {
		c.fit(r.Samples)
		r.draw(&b, c)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// fit raises the upper edge of a chart until all fits below it.
func (c *chart) fit(samples []Sample) {
	for _, s := range samples {
		for _, l := range c.lines {
			for l.value(s) > c.max {
				c.max *= 2
				c.step *= 2
			}
		}
	}
}

func (r *Result) draw(b *strings.Builder, c chart) {
	bottom := c.top + chartHeight
	hours := r.Samples[len(r.Samples)-1].Hours
	x := func(hour float64) float64 { return left + hour/hours*(right-left) }
	y := func(v float64) float64 { return float64(bottom) - v/c.max*chartHeight }
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", left, c.top-8, c.title)
	for v := 0.; v <= c.max; v += c.step {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#d8d8d8"/>`, left, y(v), right)
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end">%g%s</text>`+"\n", left-6, y(v)+4, v, c.unit)
	}
	for h := 0.; h <= hours; h++ {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%g h</text>`+"\n", x(h), bottom+16, h)
	}
	turn := float64(r.Config.Intervals*beehive.TicksPerInterval) * tickSeconds / 3600
	fmt.Fprintf(b, `<path d="M%.1f %dV%d" stroke="#808080" stroke-dasharray="4 3"/>`, x(turn), c.top, bottom)
	fmt.Fprintf(b, `<text x="%.1f" y="%d">popularity reversed</text>`+"\n", x(turn)+4, c.top+12)
	if c.goal > 0 {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#2e8540" stroke-dasharray="2 2"/>`, left, y(c.goal), right)
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end" fill="#2e8540">at most %g%s</text>`+"\n", right, y(c.goal)-4, c.goal, c.unit)
	}
	for i, l := range c.lines {
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, l.colour)
		for _, s := range r.Samples {
			fmt.Fprintf(b, "%.1f,%.1f ", x(s.Hours), y(l.value(s)))
		}
		b.WriteString("\"/>\n")
		if l.name != "" {
			fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+180+60*i, c.top-8, l.colour, l.name)
		}
	}
}
