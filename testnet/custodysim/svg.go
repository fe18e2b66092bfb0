package custodysim

import (
	"fmt"
	"io"
	"strings"
)

// The picture: two charts, one below the other, over the same days.
const (
	svgWidth, svgHeight = 760, 470
	left, right         = 60, 740
	chartHeight         = 160
)

// SVG draws the shares that exist and the repair traffic, day by day.
func (r Result) SVG(out io.Writer, c Config) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&b, `<text x="%d" y="22" font-size="14">%d peers, %d extents of (%d,%d) repaired at %d, %v lifetimes of %.0f days</text>`+"\n",
		left, c.Peers, c.Extents, c.K, c.N, c.Threshold, c.Lifetime, c.LifetimeDays)
	traffic := 0.0
	for _, d := range r.Days[1:] {
		traffic = max(traffic, d.Moved)
	}
	shares := chart{title: "shares that exist: mean, and of the weakest extent", top: 55, max: float64(c.N), marks: []float64{float64(c.K), float64(c.Threshold), float64(c.N)}}
	shares.draw(&b, r.Days, "#1f6fb4", func(d Day) float64 { return d.Mean })
	shares.draw(&b, r.Days, "#c0392b", func(d Day) float64 { return float64(d.Least) })
	moved := chart{title: "bytes moved by repairs in a day, per byte of data", top: 275, max: max(traffic, 1e-9), marks: []float64{traffic / 2, traffic}}
	moved.draw(&b, r.Days[1:], "#2e8b57", func(d Day) float64 { return d.Moved })
	shares.frame(&b, len(r.Days))
	moved.frame(&b, len(r.Days))
	b.WriteString("</svg>\n")
	_, err := io.WriteString(out, b.String())
	return err
}

type chart struct {
	title string
	top   int
	max   float64 // at the upper edge
	marks []float64
}

func (c chart) y(v float64) float64 { return float64(c.top+chartHeight) - v/c.max*chartHeight }

func (c chart) draw(b *strings.Builder, days []Day, colour string, value func(Day) float64) {
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, colour)
	for i, d := range days {
		x := left + float64(i)*(right-left)/float64(max(len(days)-1, 1))
		fmt.Fprintf(b, "%.1f,%.1f ", x, c.y(value(d)))
	}
	b.WriteString(`"/>` + "\n")
}

func (c chart) frame(b *strings.Builder, days int) {
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", left, c.top-8, c.title)
	fmt.Fprintf(b, `<path d="M%d %dV%dH%d" fill="none" stroke="black"/>`+"\n", left, c.top, c.top+chartHeight, right)
	for _, m := range c.marks {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#bbb" stroke-dasharray="3"/><text x="%d" y="%.1f" text-anchor="end">%.3g</text>`+"\n",
			left, c.y(m), right, left-6, c.y(m)+4, m)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d">day 0</text><text x="%d" y="%d" text-anchor="end">day %d</text>`+"\n",
		left, c.top+chartHeight+16, right, c.top+chartHeight+16, days-1)
}
