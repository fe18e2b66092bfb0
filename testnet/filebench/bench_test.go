package filebench

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/atollnet/atoll/testnet/testnettest"
)

// Every case runs, on real peers, though on too little to say anything.
func TestEverythingIsMeasured(t *testing.T) {
	line := progress.New(io.Discard)
	defer line.Close()
	var out bytes.Buffer
	err := Run(t.Context(), Config{
		Peers: 6, Dead: 1, Runs: 1, Bytes: 2 << 20, Files: 3, Idle: 100 * time.Millisecond, Settle: time.Millisecond, JSON: true,
		Programs: testnettest.Binaries(t), Out: &out, Line: line,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.HintOf(err))
	}
	var d document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil || d.Runs != 1 || d.Bytes != 2<<20 {
		t.Fatalf("%v: %s", err, &out)
	}
	for _, want := range []struct{ what, unit string }{
		{"sha256sum of a large file", "s"}, {"put", "s"}, {"put, against sha256sum", "x"}, {"got elsewhere, against sha256sum", "x"},
		{"got with 1 of 6 peers dead", "s"}, {"first byte of a large file elsewhere", "ms"}, {"a range of 64 KiB elsewhere", "ms"},
		{"1 KiB put, archived", "ms"}, {"1 KiB got elsewhere, warm", "ms"}, {"put -r of 3 files of 4 KiB", "s"},
		{"get -r of 3 files of 4 KiB elsewhere", "s"}, {"resident memory of an idle peer", "MiB"}, {"all peers know each other", "s"},
	} {
		if !slices.ContainsFunc(d.Figures, func(f Figure) bool { return f.What == want.what && f.Unit == want.unit && f.Median > 0 }) {
			t.Errorf("there is no figure %q in %s: %s", want.what, want.unit, &out)
		}
	}
}

func TestWhatCannotBeMeasured(t *testing.T) {
	good := Config{Peers: 8, Dead: 2, Runs: 1, Bytes: 1 << 20, Files: 1, Idle: time.Second}
	for name, change := range map[string]func(*Config){
		"too few peers":  func(c *Config) { c.Peers = 3 },
		"too many peers": func(c *Config) { c.Peers = testnet.PeersMax + 1 },
		"dead readers":   func(c *Config) { c.Dead = 7 },
		"nobody dead":    func(c *Config) { c.Dead = 0 },
		"no run":         func(c *Config) { c.Runs = 0 },
		"no range":       func(c *Config) { c.Bytes = 1 << 10 },
		"no file":        func(c *Config) { c.Files = 0 },
		"no time":        func(c *Config) { c.Idle = 0 },
		"a wrong name":   func(c *Config) { c.Only = []string{"large", "larger"} },
	} {
		c := good
		change(&c)
		if err := Run(t.Context(), c); errs.KindOf(err) != errs.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 100}, 3}} {
		if got := median(c.all); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.all, got, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	b := bench{Config: Config{Out: &out}}
	err := b.print([]Figure{
		{What: "put", Unit: "x", Median: 3, All: []float64{2, 3, 4}, Target: 2.5, CPU: &CPU{1, 2}},
		{What: "got", Unit: "x", Median: 2, All: []float64{2}, Target: 2.5},
		{What: "yardstick", Unit: "s", Median: 2, All: []float64{2}},
	})
	want := `WHAT       MEDIAN  RANGE  TARGET   REACHED  CPU OF GATEWAY  OF OTHERS
put        3 x     2–4    ≤ 2.5 x  no       1.00 s          2.00 s
got        2 x     –      ≤ 2.5 x  yes                      
yardstick  2 s     –      –        –                        
`
	if err != nil || out.String() != want {
		t.Errorf("%v: the table is\n%s", err, &out)
	}
}

func TestDifferentBytesAreNoFigure(t *testing.T) {
	if err := same("x", []byte("a"), []byte("b")); errs.KindOf(err) != errs.Damaged {
		t.Errorf("same = %v", err)
	}
}
