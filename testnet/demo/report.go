package demo

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

// report is what happened, one row for each step that ran.
type report struct{ rows []row }

type row struct {
	step   string
	took   time.Duration
	bytes  string
	peers  string
	cpu    string
	memory string
	result string
}

func (r *report) add(step string, took time.Duration, d done, cpu float64, err error) {
	result := cmp.Or(d.result, "ok")
	switch {
	case errs.KindOf(err) == errs.Interrupted:
		result = "interrupted"
	case err != nil:
		result = "FAILED"
	}
	r.rows = append(r.rows, row{step: step, took: took, bytes: sizeText(d.bytes), peers: peersText(d.peers), cpu: cpuText(cpu), memory: sizeText(d.memory), result: result})
}

// print writes the table. CPU is what all peers together took during a step,
// MEMORY the most that the peer which serves the step's user ever had resident;
// when all have started, what a peer has on average.
func (r *report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STEP\tTIME\tBYTES\tPEERS\tCPU\tMEMORY\tRESULT")
	var total time.Duration
	for _, row := range r.rows {
		total += row.took
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.step, seconds(row.took), row.bytes, row.peers, row.cpu, row.memory, row.result)
	}
	fmt.Fprintf(t, "all\t%s\t\t\t\t\t\n", seconds(total))
	return t.Flush()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func cpuText(seconds float64) string {
	if seconds <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f s", seconds)
}

func peersText(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func sizeText(n int64) string {
	switch {
	case n == 0:
		return "-"
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
