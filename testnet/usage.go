package testnet

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Usage is what a peer's process has taken of the machine so far.
type Usage struct {
	ResidentBytes int64 // now
	PeakBytes     int64 // the most at any time
	CPUSeconds    float64
	// What its reads and writes have moved, of sockets and of files.
	ReadBytes, WrittenBytes int64
}

// clockTicks is the unit of times in /proc, fixed at 100 a second on Linux.
const clockTicks = 100

// Usage returns what peer i has taken; zero if it is not running.
func (n *Network) Usage(i int) (Usage, error) {
	peers, err := n.Peers()
	if err != nil || i >= len(peers) || peers[i].PID == 0 {
		return Usage{}, err
	}
	return UsageOf(peers[i].PID)
}

// Usages returns what each peer has taken, by index, as Usage does.
func (n *Network) Usages() ([]Usage, error) {
	peers, err := n.Peers()
	all := make([]Usage, len(peers))
	for i, p := range peers {
		if p.PID != 0 && err == nil {
			all[i], err = UsageOf(p.PID)
		}
	}
	return all, err
}

// UsageOf returns what any process has taken.
func UsageOf(pid int) (u Usage, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(string(fields[1]), 10, 64)
		switch string(fields[0]) {
		case "VmRSS:":
			u.ResidentBytes = n << 10
		case "VmHWM:":
			u.PeakBytes = n << 10
		}
	}
	if u.ReadBytes, u.WrittenBytes, err = movedBy(pid); err != nil {
		return u, err
	}
	u.CPUSeconds, err = cpuOf(pid)
	return u, err
}

func movedBy(pid int) (read, written int64, err error) {
	io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range bytes.Lines(io) {
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		n, _ := strconv.ParseInt(string(value), 10, 64)
		switch string(name) {
		case "rchar":
			read = n
		case "wchar":
			written = n
		}
	}
	return read, written, nil
}

// cpuOf returns user and system time: the 14th and 15th field, counted after
// the name, which may hold spaces.
func cpuOf(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	user, errUser := strconv.ParseInt(string(fields[11]), 10, 64)
	system, errSystem := strconv.ParseInt(string(fields[12]), 10, 64)
	if errUser != nil || errSystem != nil {
		return 0, fmt.Errorf("/proc/%d/stat: times that are no numbers", pid)
	}
	return float64(user+system) / clockTicks, nil
}
