package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/apitest"
	"github.com/atollnet/atoll/internal/api/server"
	"github.com/atollnet/atoll/internal/errs"
)

// The test program is peerctl too, and a peerd that can be killed.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"peerctl": main, "fakepeerd": fakePeerd})
}

// TestScripts runs what needs the fake: faults, and a daemon that dies.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script", "") }

// TestCommonScripts runs what any peerd must do.
func TestCommonScripts(t *testing.T) { runScripts(t, "testdata/common", "") }

func runScripts(t *testing.T, dir, socket string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               func(e *testscript.Env) error { return setUp(e, socket) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fault":    fault,
			"odd":      oddTree,
			"sametree": sameTree,
			"setenv":   setEnv,
			"bytes":    makeBytes,
			"empty":    emptyDir,
			"socket":   makeSocket,
		},
	})
}

// setUp gives a script a peerd and a volume name of its own.
func setUp(e *testscript.Env, socket string) error {
	if socket == "" {
		fake := apitest.New()
		e.Values[fakeKey{}] = fake
		var err error
		if socket, err = startFake(e, fake); err != nil {
			return err
		}
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, filepath.Base(e.WorkDir))
	e.Vars = append(e.Vars, "ATOLL_API="+socket, "TZ=UTC", fmt.Sprintf("V=%s%d", name, time.Now().UnixNano()), "GUEST="+strings.Repeat("b", 51)+"a")
	return nil
}

type fakeKey struct{}

func startFake(e *testscript.Env, fake *apitest.Fake) (socket string, err error) {
	dir, err := os.MkdirTemp("", "api") // the script's own directory may be too long for a socket
	if err != nil {
		return "", err
	}
	socket = filepath.Join(dir, "api.sock")
	l, err := server.Listen(socket)
	if err != nil {
		return "", err
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l, fake) }()
	e.Defer(func() {
		stop()
		if err := errors.Join(<-done, os.RemoveAll(dir)); err != nil {
			panic(err)
		}
	})
	return socket, nil
}

// fakePeerd serves an in-memory backend at $ATOLL_API until SIGINT. It holds
// one file of 8 MiB, home:/big, and kills itself, as a crash does, when it has
// given $DIE_AFTER bytes of it.
func fakePeerd() {
	fake := apitest.New()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	put := api.PutRequest{Dest: "home:/big", Mode: 0o644, ModTime: time.Unix(1, 0)}
	_, err := fake.Put(ctx, put, io.LimitReader(zeros{}, 8<<20))
	if after, bad := strconv.ParseInt(os.Getenv("DIE_AFTER"), 10, 64); bad == nil {
		fake.OnRead = func(_ context.Context, given int64) error {
			if given >= after {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
			return nil
		}
	}
	var l net.Listener
	if err == nil {
		l, err = server.Listen(api.DefaultSocket())
	}
	if err == nil {
		err = server.Serve(ctx, l, fake)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// fault breaks the fake: `fault read 100000` fails after so many bytes, `fault
// stall 100000` gets nowhere from there, `fault quorum` never has one, `fault
// full` is full, `fault alone` knows no peer, `fault short` lost shares.
func fault(ts *testscript.TestScript, _ bool, args []string) {
	fake := ts.Value(fakeKey{}).(*apitest.Fake)
	at := int64(0)
	if len(args) == 2 {
		n, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		at = n
	}
	switch args[0] {
	case "read":
		fake.OnRead = failAt(at, func(context.Context) error {
			return errs.Newf("read", "", errs.TooFew, "15 shares, 16 are needed")
		})
	case "stall":
		fake.OnRead = failAt(at, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	case "quorum":
		fake.OnCommit = func(ctx context.Context) error {
			<-ctx.Done()
			return errs.Hint(errs.Newf("order", "", errs.NoQuorum, "2 of 4 ring members answer"), "start the others")
		}
	case "full":
		fake.OnCommit = func(context.Context) error { return errs.Newf("store", "", errs.Full, "the quota is used up") }
	case "none":
		fake.OnRead, fake.OnCommit = nil, nil
	case "alone":
		fake.Alone = true
	case "offline":
		fake.Offline = true
	case "aside":
		fake.Offline, fake.Aside = true, "/notes: it changed in version 8, after 7"
	case "short":
		fake.Short = true
	default:
		ts.Fatalf("unknown fault %q", args[0])
	}
}

func failAt(at int64, fail func(context.Context) error) func(context.Context, int64) error {
	return func(ctx context.Context, given int64) error {
		if given < at {
			return nil
		}
		return fail(ctx)
	}
}

// oddNames are names that file systems allow.
var oddNames = []string{"-leading", "new\nline", "100%", "a@7", "\xff\xfe", " ", "é", "a:b", "'\"\\", "*"}

// oddTree makes a tree with odd names, modes, times and links.
func oddTree(ts *testscript.TestScript, _ bool, args []string) {
	root := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Join(root, "dir\n", "empty"), 0o755))
	for i, name := range oddNames {
		path := filepath.Join(root, "dir\n", name)
		ts.Check(os.WriteFile(path, []byte(strings.Repeat(name, i*i)), 0o600))
		ts.Check(os.Chmod(path, fs.FileMode(0o400+i)))
		ts.Check(os.Chtimes(path, time.Now(), time.Unix(int64(i-1)*1_000_000, 123_456_789)))
	}
	ts.Check(os.Symlink("no\nwhere/\xff", filepath.Join(root, "link")))
	ts.Check(os.Chmod(filepath.Join(root, "dir\n", "empty"), 0o500))
	ts.Check(os.Chtimes(filepath.Join(root, "dir\n"), time.Now(), time.Unix(77, 1)))
	ts.Check(os.Chtimes(root, time.Now(), time.Unix(78, 2)))
}

// sameTree compares names, kinds, modes, times, targets and content; with
// -below, of everything but the roots.
func sameTree(ts *testscript.TestScript, neg bool, args []string) {
	skip := 0
	if args[0] == "-below" {
		skip, args = 1, args[1:]
	}
	a, err := describeTree(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := describeTree(ts.MkAbs(args[1]))
	ts.Check(err)
	if slices.Equal(a[skip:], b[skip:]) == neg {
		ts.Fatalf("trees\n%s\n--- and\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}

func describeTree(root string) (lines []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var content []byte
		switch info.Mode().Type() {
		case 0:
			content, err = os.ReadFile(path)
		case fs.ModeSymlink:
			var target string
			target, err = os.Readlink(path)
			content = []byte(target)
		}
		rel, _ := filepath.Rel(root, path)
		lines = append(lines, fmt.Sprintf("%q %v %v %.60q", rel, info.Mode(), info.ModTime().UTC(), content))
		return err
	})
	return lines, err
}

// setEnv sets a variable to the first line of a file.
func setEnv(ts *testscript.TestScript, _ bool, args []string) {
	line, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	ts.Setenv(args[0], line)
}

// makeBytes writes a file of so many bytes.
func makeBytes(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	content := make([]byte, n)
	for i := range content {
		content[i] = byte(i * i >> 8)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o644))
}

// emptyDir makes sure that a directory holds nothing but the names given.
func emptyDir(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		if !slices.Contains(args[1:], e.Name()) {
			ts.Fatalf("%s holds %q", args[0], e.Name())
		}
	}
}

// makeSocket makes a socket that nobody serves.
func makeSocket(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("unix", ts.MkAbs(args[0]))
	ts.Check(err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	ts.Check(l.Close())
}
