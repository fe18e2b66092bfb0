package server

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

const (
	dohPath = "/dns-query"
	dohType = "application/dns-message"
)

// serveHTTP answers over HTTPS (RFC 8484), HTTP/2 or HTTP/1.1.
func (s *Server) serveHTTP(l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+dohPath, func(w http.ResponseWriter, r *http.Request) {
		b, err := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("dns"))
		s.answerHTTP(w, r, b, err)
	})
	mux.HandleFunc("POST "+dohPath, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != dohType {
			http.Error(w, "the content is to be "+dohType, http.StatusUnsupportedMediaType)
			return
		}
		b, err := io.ReadAll(io.LimitReader(r.Body, queryBytesMax+1))
		s.answerHTTP(w, r, b, err)
	})
	h := &http.Server{
		Handler: mux, ReadHeaderTimeout: idleMax, ReadTimeout: idleMax, WriteTimeout: questionMax + idleMax, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return s.ctx },
	}
	stop := context.AfterFunc(s.ctx, func() { h.Close() })
	defer stop()
	err := h.Serve(tls.NewListener(l, s.streamTLS("h2", "http/1.1")))
	if errors.Is(err, http.ErrServerClosed) || s.ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) answerHTTP(w http.ResponseWriter, r *http.Request, b []byte, err error) {
	if err != nil || len(b) < headerBytes || len(b) > queryBytesMax {
		http.Error(w, "no DNS message", http.StatusBadRequest)
		return
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		http.Error(w, "who asks?", http.StatusBadRequest)
		return
	}
	if at := from.Addr(); !at.IsLoopback() && !s.hits.Take(source(at)) || !s.misses.Take(source(at)) {
		http.Error(w, "too many questions", http.StatusTooManyRequests)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), questionMax)
	defer cancel()
	answer := s.respond(ctx, b, from.Addr(), overStream)
	if answer == nil {
		http.Error(w, "no question", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", dohType)
	w.Header().Set("Cache-Control", fmt.Sprintf("max-age=%d", ttlOf(answer)))
	_, _ = w.Write(answer) // a client that has gone is its own trouble
}

// ttlOf returns the shortest time to live in an answer (RFC 8484 section 5.1).
func ttlOf(b []byte) uint32 {
	m := new(dns.Msg)
	if m.Unpack(b) != nil || len(m.Answer)+len(m.Ns) == 0 {
		return 0
	}
	least := uint32(1 << 31)
	for _, rr := range append(m.Answer, m.Ns...) {
		least = min(least, rr.Header().Ttl)
	}
	return least
}
