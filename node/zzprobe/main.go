package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/atollnet/atoll/dht"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/census"
)

type rule struct{}

func mk(o wire.ObjectID, n uint64) []byte {
	return append(binary.BigEndian.AppendUint64(bytes.Clone(o[:]), n), "signed"...)
}
func (rule) Check(o wire.ObjectID, v []byte) error {
	if !bytes.HasPrefix(v, o[:]) {
		return errors.New("bad")
	}
	return nil
}
func (rule) Newer(_ wire.ObjectID, a, b []byte) bool { return bytes.Compare(a[32:40], b[32:40]) > 0 }

func obj(n int) wire.ObjectID { return wire.ObjectID(wire.Derive("atoll/v1/test", []byte(strconv.Itoa(n)))) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func runPeer(i int, dir, join string) {
	if i == 7 && os.Getenv("STARTPROF") != "" {
		p := must(os.Create("/tmp/net-try/start.prof"))
		pprof.StartCPUProfile(p)
		time.AfterFunc(12*time.Second, func() { pprof.StopCPUProfile(); p.Close() })
	}
	ctx := context.Background()
	key := wire.NewKey([32]byte{byte(i), 9})
	h := must(p2p.New(p2p.Config{Key: key, Listen: []string{fmt.Sprintf("/ip4/127.%d.0.1/tcp/%d", i+1, 40000+i)}, Book: dir + "/peers.json"}))
	var store kv.Store
	if os.Getenv("NOKV") == "" {
		store = must(kv.Open(dir+"/kv", kv.Options{}))
	}
	d := must(dht.New(ctx, dht.Config{Host: h, Store: store, Heads: rule{}, LoopbackOK: true}))
	d.Advertise(func(wire.ExtentID, int) ([]wire.ExtentID, error) { return nil, nil })
	var joins []string
	if join != "" {
		joins = []string{join}
	}
	c := must(census.New(census.Config{Host: h, Key: key, Join: joins, LoopbackOK: true, Others: d.Peers,
		Space: func() census.Space { return census.Space{FreeBytes: 1 << 30, QuotaBytes: 1 << 30} },
		News:  func(i census.Info) { d.Meet(i.Peer) }}))
	go c.Run(ctx)
	go d.Ready(ctx)
	in := bufio.NewScanner(os.Stdin)
	fmt.Println(h.Addresses()[0])
	for in.Scan() {
		f := strings.Fields(in.Text())
		k := 0
		if len(f) > 1 {
			k, _ = strconv.Atoi(f[1])
		}
		begin := time.Now()
		n, err := 0, error(nil)
		switch f[0] {
		case "known":
			for _, k := range c.Known() {
				if !k.Suspect {
					n++
				}
			}
			fmt.Println(n, d.RoutingTableSize(), len(h.Libp2p().Network().Conns()))
			continue
		case "lacks":
			have := map[wire.PeerID]string{}
			for _, k := range c.Known() {
				have[k.Peer] = fmt.Sprint(k.Suspect, k.Connected, k.Seq)
			}
			out := ""
			for j := range 50 {
				p := wire.PeerID(wire.NewKey([32]byte{byte(j), 9}).Public())
				if j != i && (have[p] == "" || strings.HasPrefix(have[p], "true")) {
					out += fmt.Sprint(" ", j, ":", have[p])
				}
			}
			fmt.Println(i, "lacks", out)
			continue
		case "stat":
			var ms runtime.MemStats
			runtime.ReadMemStats(&ms)
			fmt.Println("heap", ms.HeapAlloc>>10, "KiB, sys", ms.Sys>>10, "stacks", ms.StackInuse>>10, "goroutines", runtime.NumGoroutine(), "gcs", ms.NumGC)
			continue
		case "prof":
			go func() {
				p := must(os.Create(fmt.Sprintf("/tmp/net-try/cpu%d.prof", i)))
				pprof.StartCPUProfile(p)
				time.Sleep(20 * time.Second)
				pprof.StopCPUProfile()
				p.Close()
				g := must(os.Create(fmt.Sprintf("/tmp/net-try/heap%d.prof", i)))
				pprof.WriteHeapProfile(g)
				g.Close()
				gg := must(os.Create(fmt.Sprintf("/tmp/net-try/gor%d.txt", i)))
				pprof.Lookup("goroutine").WriteTo(gg, 1)
				gg.Close()
			}()
		case "put":
			n, err = d.PutHead(ctx, obj(k), mk(obj(k), uint64(time.Now().UnixNano())))
		case "head":
			var v []byte
			v, err = d.Head(ctx, obj(k))
			n = len(v)
		case "provide":
			err = d.Provide(ctx, wire.ExtentID(obj(k)))
		case "announce":
			for k := range 40 {
				d.Announce(wire.ExtentID(obj(k)))
			}
		case "find":
			var v []wire.PeerID
			v, err = d.Providers(ctx, wire.ExtentID(obj(k)), 64)
			n = len(v)
		}
		fmt.Println(time.Since(begin).Microseconds(), n, err)
	}
}

type proc struct {
	cmd *exec.Cmd
	in  *bufio.Writer
	out *bufio.Scanner
}

func (p *proc) ask(s string) string {
	p.in.WriteString(s + "\n")
	p.in.Flush()
	if !p.out.Scan() {
		return "dead"
	}
	return p.out.Text()
}

func startProc(i int, root, join string) *proc {
	dir := fmt.Sprintf("%s/%d", root, i)
	os.MkdirAll(dir, 0o700)
	cmd := exec.Command(os.Args[0], "peer", strconv.Itoa(i), dir, join)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	w, _ := cmd.StdinPipe()
	r, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return &proc{cmd: cmd, in: bufio.NewWriter(w), out: bufio.NewScanner(r)}
}

func cpu(ps []*proc) (ticks, rss, maxrss int) {
	for _, p := range ps {
		if p == nil {
			continue
		}
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		u, _ := strconv.Atoi(f[11])
		s, _ := strconv.Atoi(f[12])
		ticks += u + s
		r, _ := strconv.Atoi(f[21])
		rss += r * 4
		maxrss = max(maxrss, r*4)
	}
	return
}

func main() {
	if os.Args[1] == "peer" {
		i, _ := strconv.Atoi(os.Args[2])
		runPeer(i, os.Args[3], os.Args[4])
		return
	}
	n, _ := strconv.Atoi(os.Args[1])
	idle, _ := strconv.Atoi(os.Args[2])
	root, _ := os.MkdirTemp("", "probe")
	defer os.RemoveAll(root)
	begin := time.Now()
	ps := make([]*proc, n)
	ps[0] = startProc(0, root, "")
	ps[0].out.Scan()
	join := ps[0].out.Text()
	for i := 1; i < n; i++ {
		ps[i] = startProc(i, root, join)
	}
	for _, p := range ps[1:] {
		p.out.Scan()
	}
	fmt.Println("all listen after", time.Since(begin))
	waitKnown := func(want int) {
		for {
			all, minRT, maxRT, conns, least := true, 1000, 0, 0, 1000
			for _, p := range ps {
				if p == nil {
					continue
				}
				var k, rt, cs int
				fmt.Sscan(p.ask("known"), &k, &rt, &cs)
				least = min(least, k)
				all = all && k >= want
				minRT, maxRT, conns = min(minRT, rt), max(maxRT, rt), conns+cs
			}
			if !all && time.Since(begin) > 20*time.Second && time.Since(begin) < 21*time.Second {
				for _, p := range ps {
					if p != nil {
						if l := p.ask("lacks"); len(l) > 12 {
							fmt.Println(l)
						}
					}
				}
				time.Sleep(time.Second)
			}
			if all || time.Since(begin) > 60*time.Second {
				fmt.Println("all know", least, "of", want, "after", time.Since(begin), "routing tables", minRT, maxRT, "conns in all", conns/2)
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	waitKnown(n - 1)
	c0, _, _ := cpu(ps)
	fmt.Println("cpu s so far", float64(c0)/100)
	if os.Getenv("STARTPROF") != "" {
		time.Sleep(10 * time.Second)
		return
	}
	measure := func(what string, f func(k int) string) {
		var ts []int
		var last string
		for k := range 15 {
			last = f(k)
			var t int
			fmt.Sscan(last, &t)
			ts = append(ts, t)
		}
		mx, sum := 0, 0
		for _, t := range ts {
			sum += t
			mx = max(mx, t)
		}
		fmt.Println(what, "mean", sum/len(ts), "max", mx, "µs; last:", last)
	}
	measure("PutHead", func(k int) string { return ps[3].ask(fmt.Sprint("put ", k)) })
	measure("Head", func(k int) string { return ps[n-1].ask(fmt.Sprint("head ", k)) })
	measure("Provide", func(k int) string { return ps[4].ask(fmt.Sprint("provide ", k)) })
	measure("Providers", func(k int) string { return ps[n-2].ask(fmt.Sprint("find ", k)) })
	time.Sleep(time.Duration(idle) * time.Second)
	c1, rss, maxrss := cpu(ps)
	ps[7].ask("prof")
	fmt.Println(ps[5].ask("stat"))
	time.Sleep(21 * time.Second)
	c2, rss, maxrss := cpu(ps)
	fmt.Printf("idle: %.1f%% of a core in all; rss mean %d KiB, max %d KiB; %s\n", float64(c2-c1)/21, rss/n, maxrss, ps[5].ask("stat"))
	c1, _, _ = cpu(ps)
	for _, p := range ps {
		p.ask("announce")
	}
	time.Sleep(12 * time.Second)
	c2, _, _ = cpu(ps)
	fmt.Printf("advertising 40 extents each: %.2f CPU s in 12 s\n", float64(c2-c1)/100)
	measure("Providers", func(k int) string { return ps[n-2].ask(fmt.Sprint("find ", k)) })
	for i := 1; i < n-3; i += 3 {
		ps[i].cmd.Process.Kill()
		ps[i].cmd.Wait()
		ps[i] = nil
	}
	measure("after kill: Head", func(k int) string { return ps[n-1].ask(fmt.Sprint("head ", k)) })
	measure("after kill: Providers", func(k int) string { return ps[n-2].ask(fmt.Sprint("find ", k)) })
	measure("after kill: PutHead", func(k int) string { return ps[n-3].ask(fmt.Sprint("put ", k+100)) })
	alive := 0
	for _, p := range ps {
		if p != nil {
			alive++
		}
	}
	fmt.Println(ps[0].ask("known"), ps[n-1].ask("known"), "alive", alive)
	begin = time.Now()
	ps[1] = startProc(1, root, "")
	ps[1].out.Scan()
	waitKnown(alive)
	for i := 2; i < n-3; i += 9 {
		ps[i].cmd.Process.Signal(syscall.SIGSTOP)
		fmt.Print("stop ", i, " ")
	}
	fmt.Println()
	measure("with stopped: Head", func(k int) string { return ps[n-1].ask(fmt.Sprint("head ", k)) })
	measure("with stopped: PutHead", func(k int) string { return ps[n-3].ask(fmt.Sprint("put ", k+200)) })
	for _, p := range ps {
		if p != nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
	}
}
