// Package server answers the local API for a backend: HTTP over a unix socket
// that its user alone can open.
//
// It must never give out content whose end it cannot vouch for: an answer that
// fails in its middle says so, and one that was cut off lacks its end.
package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
	"github.com/atollnet/atoll/internal/errs"
)

const (
	// headTimeout is how long a client may take to send the head of a request.
	headTimeout = 10 * time.Second
	// stopTimeout is how long running requests have to end when the server
	// stops; their contexts are cancelled at once.
	stopTimeout = 5 * time.Second
)

// errStopping is why requests are cancelled when the server stops.
var errStopping = errs.Hint(errs.New("", "", errs.NoDaemon, errors.New("peerd is stopping")),
	"start it again with `peerd run`, then repeat the command")

// Serve answers requests that come in at l until ctx ends or l fails. It closes
// l and returns when all requests have ended.
func Serve(ctx context.Context, l net.Listener, b api.Backend) error {
	base, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(errStopping)
	s := &http.Server{
		Handler:           Handler(b),
		ReadHeaderTimeout: headTimeout,
		MaxHeaderBytes:    protocol.HeaderBytesMax,
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return errs.Wrap("serve the local API", l.Addr().String(), err)
	case <-ctx.Done():
	}
	cancel(errStopping)
	err := shutdown(s)
	<-failed
	return err
}

func shutdown(s *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := s.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return s.Close()
	}
	return err
}

// Handler returns the handler of all routes.
func Handler(b api.Backend) http.Handler {
	m := http.NewServeMux()
	m.Handle(protocol.Status, ask(b.Status))
	m.Handle(protocol.Peers, ask(b.Peers))
	m.Handle(protocol.Doctor, ask(b.Doctor))
	m.Handle(protocol.Invite, ask(b.Invite))
	m.Handle(protocol.Identity, ask(b.Identity))
	m.Handle(protocol.Stat, askAbout(b.Stat))
	m.Handle(protocol.Log, askAbout(b.Log))
	m.Handle(protocol.Open, content(openFile(b)))
	m.Handle(protocol.Walk, content(walkTree(b)))
	m.Handle(protocol.List, stream(list(b)))
	m.Handle(protocol.Watch, stream(watch(b)))
	m.Handle(protocol.Check, stream(plain(b.Check)))
	m.Handle(protocol.Ring, askAbout(b.Ring))
	m.Handle(protocol.Replace, stream(plain(b.ReplaceMember)))
	m.Handle(protocol.Lost, askAbout(b.Recoverable))
	m.Handle(protocol.Recover, stream(plain(b.RecoverRing)))
	m.Handle(protocol.Init, stream(plain(b.Init)))
	m.Handle(protocol.Mkdir, stream(plain(b.Mkdir)))
	m.Handle(protocol.Remove, stream(plain(b.Remove)))
	m.Handle(protocol.Move, stream(plain(b.Move)))
	m.Handle(protocol.Copy, stream(plain(b.Copy)))
	m.Handle(protocol.Restore, stream(plain(b.Restore)))
	m.Handle(protocol.Diff, stream(plain(b.Diff)))
	m.Handle(protocol.Share, stream(plain(b.Share)))
	m.Handle(protocol.Revoke, stream(plain(b.Revoke)))
	m.Handle(protocol.Writers, askAbout(b.Writers))
	m.Handle(protocol.Volumes, ask(b.Volumes))
	m.Handle(protocol.Add, stream(plain(b.AddVolume)))
	m.Handle(protocol.Change, stream(plain(b.ChangeVolume)))
	m.Handle(protocol.Export, stream(plain(b.Export)))
	m.Handle(protocol.Import, stream(withBody(b.Import)))
	m.Handle(protocol.Plan, askAbout(b.Plan))
	m.Handle(protocol.Prune, stream(plain(b.Prune)))
	m.Handle(protocol.Collect, stream(plain(b.Collect)))
	m.Handle(protocol.Quota, ask(b.Quota))
	m.Handle(protocol.Retain, stream(plain(b.Retain)))
	m.Handle(protocol.DeleteVolume, stream(plain(b.DeleteVolume)))
	m.Handle(protocol.CheckStore, stream(without(b.CheckStore)))
	m.Handle(protocol.Leave, stream(without(b.Leave)))
	m.Handle(protocol.Deny, stream(plain(b.Deny)))
	m.Handle(protocol.Allow, stream(plain(b.Allow)))
	m.Handle(protocol.Denials, ask(b.Denials))
	m.Handle(protocol.Proof, askAbout(b.Prove))
	m.Handle(protocol.Pending, ask(b.Pending))
	m.Handle(protocol.PendingContent, content(openPending(b)))
	m.Handle(protocol.DropPending, stream(plain(b.DropPending)))
	m.Handle(protocol.Put, stream(withBody(b.Put)))
	m.Handle(protocol.PutTree, stream(putTree(b)))
	m.Handle(protocol.Append, stream(withBody(b.Append)))
	if n, ok := b.(api.Names); ok {
		handleNames(m, n)
	}
	m.HandleFunc("/", unknown)
	return m
}

// unknown answers what no route fits.
func unknown(w http.ResponseWriter, r *http.Request) {
	err := errs.Newf("ask peerd", r.Method+" "+r.URL.Path, errs.Usage, "this peerd does not know that request")
	writeFailure(w, errs.Hint(err, "peerctl and peerd may be of different releases: see `peerctl version`"))
}
