package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
)

func TestProfilesAreForThisMachineAlone(t *testing.T) {
	for _, address := range []string{"0.0.0.0:6060", "192.0.2.1:6060", "127.0.0.1", "localhost:6060", ":6060"} {
		if err := profile(t.Context(), address); errs.KindOf(err) != errs.Usage {
			t.Errorf("profiles at %s: %v", address, err)
		}
	}
	if err := profile(t.Context(), ""); err != nil {
		t.Errorf("no profiles: %v", err)
	}
}

func TestProfilesAreServed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := profile(ctx, address); err != nil {
		t.Fatal(err)
	}
	r, err := http.Get("http://" + address + "/debug/pprof/heap")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK || len(b) == 0 {
		t.Errorf("status %d, %d bytes, %v", r.StatusCode, len(b), err)
	}
}
