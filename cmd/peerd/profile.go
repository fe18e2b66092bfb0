package main

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

// profileHeaderTimeout is how long a client may take to say what it wants.
const profileHeaderTimeout = 10 * time.Second

// profile serves Go's profiles over HTTP on an address of this machine until the
// context ends; "" serves none. It is for those who work on Atoll: a profile
// tells what a peer is doing, so no other machine can ask for one.
func profile(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() {
		err = errs.Newf("serve profiles", address, errs.Usage, "this is not an address of the loopback interface with a port")
		return errs.Hint(err, "127.0.0.1:6060 is one")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return errs.Wrap("serve profiles", address, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	s := &http.Server{Handler: mux, ReadHeaderTimeout: profileHeaderTimeout}
	context.AfterFunc(ctx, func() { s.Close() })
	go s.Serve(l)
	return nil
}
