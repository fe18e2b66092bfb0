package p2p

import (
	"context"
	"net"
	"sync"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
)

const (
	// gatherFrom is the shortest write whose TLS records go out together; a
	// shorter one is a single record anyway.
	gatherFrom = 1 << 10
	// gatherBytes is how many bytes of records go out at once: the largest
	// message of the multiplexer, with what TLS adds to each of its records.
	gatherBytes = 64<<10 + 2<<10
)

// gatheringTLS is libp2p's TLS, but what is written in one call leaves in one
// system call. TLS alone makes one for each record of 16 KiB, and each wakes
// the receiver.
type gatheringTLS struct{ *tls.Transport }

func newTLS(id protocol.ID, key crypto.PrivKey, muxers []upgrader.StreamMuxer) (gatheringTLS, error) {
	t, err := tls.New(id, key, muxers)
	return gatheringTLS{t}, err
}

func (t gatheringTLS) SecureInbound(ctx context.Context, insecure net.Conn, p peer.ID) (sec.SecureConn, error) {
	return gatherUnder(insecure, func(c net.Conn) (sec.SecureConn, error) { return t.Transport.SecureInbound(ctx, c, p) })
}

func (t gatheringTLS) SecureOutbound(ctx context.Context, insecure net.Conn, p peer.ID) (sec.SecureConn, error) {
	return gatherUnder(insecure, func(c net.Conn) (sec.SecureConn, error) { return t.Transport.SecureOutbound(ctx, c, p) })
}

func gatherUnder(insecure net.Conn, secure func(net.Conn) (sec.SecureConn, error)) (sec.SecureConn, error) {
	below := &gatherer{Conn: insecure}
	c, err := secure(below)
	if err != nil {
		return nil, err
	}
	return &gatheringConn{SecureConn: c, below: below}, nil
}

// gatheringConn is a secured connection above a gatherer. Like every net.Conn
// it may be used from several goroutines.
type gatheringConn struct {
	sec.SecureConn
	below *gatherer
}

func (c *gatheringConn) Write(p []byte) (int, error) {
	if len(p) < gatherFrom {
		return c.SecureConn.Write(p)
	}
	c.below.begin()
	n, err := c.SecureConn.Write(p)
	if endErr := c.below.end(); err == nil && endErr != nil {
		n, err = 0, endErr
	}
	return n, err
}

// Close ends a write that is under way first: TLS would wait for it, to say
// goodbye.
func (c *gatheringConn) Close() error {
	if c.below.busy() {
		c.below.Conn.Close()
	}
	return c.SecureConn.Close()
}

// gatherer is the connection below TLS. While writes above are under way it
// holds back the records that they become.
type gatherer struct {
	net.Conn

	count sync.Mutex
	above int // writes under way

	mu   sync.Mutex // held while records are written, which keeps their order
	held *[]byte    // records not written yet; nil: none
	err  error      // why a write failed: what follows would make no sense
}

var gatherBuffers = sync.Pool{New: func() any { b := make([]byte, 0, gatherBytes); return &b }}

func (g *gatherer) begin() { g.add(1) }

// end writes what is held: after the last write above nothing is.
func (g *gatherer) end() error {
	g.add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.flush()
}

func (g *gatherer) add(n int) {
	g.count.Lock()
	defer g.count.Unlock()
	g.above += n
}

func (g *gatherer) busy() bool {
	g.count.Lock()
	defer g.count.Unlock()
	return g.above > 0
}

func (g *gatherer) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil && len(*g.held)+len(p) > gatherBytes {
		g.flush()
	}
	switch {
	case g.err != nil:
		return 0, g.err
	case !g.busy() && g.held == nil || len(p) > gatherBytes:
		return g.Conn.Write(p)
	case g.held == nil:
		g.held = gatherBuffers.Get().(*[]byte)
	}
	*g.held = append(*g.held, p...)
	return len(p), nil
}

// flush is called with mu held.
func (g *gatherer) flush() error {
	if g.held == nil {
		return g.err
	}
	if g.err == nil {
		_, g.err = g.Conn.Write(*g.held)
	}
	*g.held = (*g.held)[:0]
	gatherBuffers.Put(g.held)
	g.held = nil
	return g.err
}
