package server

import (
	"net/http"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/idle"
	"github.com/atollnet/atoll/internal/api/protocol"
)

// aliveEvery is the least time between two signs of life to a client.
const aliveEvery = time.Second

// head observes a request until the head of its answer is sent: progress
// becomes informational answers (status 102), so that the client sees that work
// goes on, and notes become headers. What is reported later only keeps the
// timer going; later notes wait for the trailer.
type head struct {
	timer *idle.Timer

	mu    sync.Mutex // the backend may report from any goroutine
	w     http.ResponseWriter
	sent  bool // the head has been sent
	last  time.Time
	notes []string
}

func (h *head) Progress(api.Progress) {
	h.timer.Touch()
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); !h.sent && now.Sub(h.last) >= aliveEvery {
		h.last = now
		h.w.WriteHeader(http.StatusProcessing)
	}
}

func (h *head) Note(text string) {
	h.timer.Touch()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.notes) < protocol.NotesMax {
		h.notes = append(h.notes, text)
	}
}

// finish moves the notes into the header or trailer; the caller sends it.
func (h *head) finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent = true
	for _, note := range h.notes {
		if text, err := protocol.HeaderValue(note); err == nil {
			h.w.Header().Add(protocol.HeaderNote, text)
		}
	}
	h.notes = nil
}
