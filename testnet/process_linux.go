package testnet

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// started is when a process began, in clock ticks since boot. With the boot it
// tells two processes apart that were given the same pid.
type started uint64

// inspect reads what the kernel says of a process: when it started and its
// state letter. A process that is gone, or a zombie, is ok=false.
func inspect(pid int) (since started, letter byte, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, false
	}
	return parseStat(b)
}

// parseStat is inspect for the content of /proc/PID/stat. The letter is that
// of the first thread, which may be a zombie while others still end: until they
// have, the process holds its locks and ports.
func parseStat(b []byte) (since started, letter byte, ok bool) {
	// The second field is the program's name in parentheses and may itself
	// hold spaces and parentheses; the fixed fields follow the last one.
	_, rest, found := bytes.Cut(b[max(0, bytes.LastIndexByte(b, ')')):], []byte(") "))
	fields := strings.Fields(string(rest))
	const stateField, threadsField, startField = 0, 17, 19 // fields 3, 20 and 22 of proc(5)
	if !found || len(fields) <= startField {
		return 0, 0, false
	}
	ticks, err := strconv.ParseUint(fields[startField], 10, 64)
	threads, threadsErr := strconv.Atoi(fields[threadsField])
	if err != nil || threadsErr != nil {
		return 0, 0, false
	}
	letter = fields[stateField][0]
	hasEnded := (letter == 'Z' || letter == 'X') && threads <= 1
	return started(ticks), letter, !hasEnded
}

// bootID names this boot of the machine: after another one, no pid that was
// written down means anything.
func bootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b)), err
}

// signalProcess sends s to the process pid if it is still the one that began
// at since. It reports whether there was such a process.
func signalProcess(pid int, since started, s os.Signal) (bool, error) {
	// FindProcess holds the process itself (a pidfd), not its number, so what
	// is checked next is what is signalled.
	p, err := os.FindProcess(pid)
	if err != nil {
		return false, nil
	}
	defer p.Release()
	if now, _, ok := inspect(pid); !ok || now != since {
		return false, nil
	}
	err = p.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return false, nil
	}
	return err == nil, err
}

const (
	signalKill     = syscall.SIGKILL
	signalPause    = syscall.SIGSTOP
	signalContinue = syscall.SIGCONT
	signalEnd      = syscall.SIGTERM
	signalCut      = syscall.SIGUSR1
	signalMend     = syscall.SIGUSR2
	letterPaused   = 'T'
)

// sessionOf gives a command a session of its own, so that a Ctrl-C meant for
// the starter does not reach it; tied ends it with the thread that starts it.
func sessionOf(cmd *exec.Cmd, tied bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if tied {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
}

// starter starts processes from one operating-system thread that it keeps for
// as long as it lives: the kernel sends the parent-death signal when the
// thread that forked ends, not the process.
type starter struct{ work chan func() }

func newStarter() *starter {
	s := &starter{work: make(chan func())}
	go func() {
		// Never unlocked: the thread ends with the goroutine, and what was
		// tied to it is killed then.
		runtime.LockOSThread()
		for f := range s.work {
			f()
		}
	}()
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	done := make(chan error)
	s.work <- func() { done <- cmd.Start() }
	return <-done
}

func (s *starter) close() { close(s.work) }

// lockFile takes the file's lock, shared with no other process, and waits for
// it. Closing the file frees it.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	return f, nil
}
