package replica

import (
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/p2p"
)

// budget is a token bucket in bytes that may go into debt: what must be sent is
// sent, and what can wait waits until that is paid off.
type budget struct {
	rate p2p.Rate

	mu    sync.Mutex
	bytes float64
	at    time.Time
}

func newBudget(r p2p.Rate) *budget { return &budget{rate: r, bytes: float64(r.Burst)} }

// spend takes bytes from the budget.
func (b *budget) spend(bytes int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now)
	b.bytes = max(b.bytes-float64(max(bytes, messageCost)), -float64(b.rate.Burst))
}

// wait returns how long it takes until there is something to spend; 0: now.
func (b *budget) wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now)
	if b.bytes > 0 {
		return 0
	}
	return time.Duration((1 - b.bytes) / b.rate.PerSecond * float64(time.Second))
}

func (b *budget) fill(now time.Time) {
	if !b.at.IsZero() && now.After(b.at) {
		b.bytes = min(float64(b.rate.Burst), b.bytes+now.Sub(b.at).Seconds()*b.rate.PerSecond)
	}
	b.at = now
}
