package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/apitest"
	"github.com/atollnet/atoll/internal/api/server"
)

// stuck is a peer whose shares nobody takes.
type stuck struct{ *apitest.Fake }

func (stuck) Leave(context.Context) (api.LeaveReport, error) {
	return api.LeaveReport{Shares: 5, SharesLeft: 2, ObjectsLeft: 1, Rings: 1, RingsLeft: 1}, nil
}

// serve answers the local API for a test and returns the socket.
func serve(t *testing.T, b api.Backend) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "peerd") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := server.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- server.Serve(ctx, l, b) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return socket
}

func TestCheckAndLeaveSayWhatCameOfThem(t *testing.T) {
	whole := serve(t, apitest.New())
	for _, c := range []struct {
		name, args     string
		socket         string
		code           int
		said, complain string
	}{
		{"a damaged share", "check", whole, 8, "damaged: share 7 of extent1: another hash\n600 shares, 1073741824 bytes, read; 1 damaged; custodians were told of 1\n", "1 share is damaged"},
		{"the same in JSON", "check --json", whole, 8, `"damaged":1`, "1 share is damaged"},
		{"all is moved", "leave", whole, 0, "moved: 600 of 600 shares, and replaced in 3 of 3 rings\npeerd may be stopped now\n", ""},
		{"the same in JSON", "leave --json", whole, 0, `"shares_left":0`, ""},
		{"something stays", "leave", serve(t, stuck{apitest.New()}), 8, "moved: 3 of 5 shares, and replaced in 0 of 1 ring\n", "2 shares, 1 ring stay here"},
		{"no daemon", "leave", whole + "x", 11, "", "no peerd answers"},
		{"an argument too many", "leave now", whole, 2, "", "peerd leave --help"},
	} {
		var out, complaints bytes.Buffer
		args := append([]string{"--dir", t.TempDir()}, append(strings.Fields(c.args), "--api", c.socket)...)
		if code := execute(t.Context(), args, &out, &complaints); code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s", c.name, code, c.code, &complaints)
		}
		if !strings.Contains(out.String(), c.said) || !strings.Contains(complaints.String(), c.complain) {
			t.Errorf("%s: said %q and complained %q", c.name, &out, &complaints)
		}
	}
}

// Without a daemon peerd check reads the data directory itself, and makes none.
func TestCheckWithoutADaemon(t *testing.T) {
	var out, complaints bytes.Buffer
	dir := t.TempDir()
	code := execute(t.Context(), []string{"--dir", dir, "check", "--api", filepath.Join(dir, "none")}, &out, &complaints)
	if code != 4 || !strings.Contains(complaints.String(), "no peer has kept anything here") {
		t.Errorf("exit code %d, said %q, complained %q", code, &out, &complaints)
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("it made %v, %v", made, err)
	}
}
