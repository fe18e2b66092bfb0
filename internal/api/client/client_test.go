package client_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/apitest"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/api/server"
)

// serve serves the backend on a socket until the test ends.
func serve(t testing.TB, b api.Backend) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "api") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "new", "api.sock")
	l, err := server.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, b)
	return socket
}

func serveOn(t testing.TB, l net.Listener, b api.Backend) {
	done := make(chan error, 1)
	go func() { done <- server.Serve(t.Context(), l, b) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

// connect returns a client of the backend, over a socket.
func connect(t *testing.T, b api.Backend, timeout time.Duration) *client.Client {
	t.Helper()
	c := client.New(serve(t, b), timeout)
	t.Cleanup(c.Close)
	return c
}

func TestOverTheSocket(t *testing.T) {
	apitest.Test(t, connect(t, apitest.New(), 30*time.Second), "t")
}
