package dht

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"

	"github.com/atollnet/atoll/internal/p2p"
)

const (
	// rpcTimeout bounds one question to one peer, connecting included. A peer
	// that takes longer is of no use to a lookup.
	rpcTimeout = 2 * time.Second
	// messageBytesMax bounds an answer: twenty peers with sixteen addresses
	// each and a head record are less than a tenth of it; the rest is room
	// for providers.
	messageBytesMax = 1 << 20
	// idleStreamsMax is how many open streams are kept for each peer to ask
	// it again, and idleStreamAge for how long: its end gives up after a
	// minute.
	idleStreamsMax = 2
	idleStreamAge  = 45 * time.Second
)

var errMessage = errors.New("malformed message")

// messenger asks peers questions of the Kademlia protocol, for the library and
// for our own lookups. It keeps a few idle streams per connected peer; questions
// to one peer do not wait for each other, so one that hangs holds up no other.
type messenger struct {
	host  *p2p.Host
	proto string
	limit time.Duration // of one question; rpcTimeout

	mu   sync.Mutex
	idle map[peer.ID][]*link // of connected peers only, so bounded as connections are
}

// link is an open stream to a peer.
type link struct {
	*p2p.Stream
	r    *bufio.Reader
	used time.Time
}

func newMessenger(h *p2p.Host, proto string) *messenger {
	return &messenger{host: h, proto: proto, limit: rpcTimeout, idle: map[peer.ID][]*link{}}
}

// SendRequest asks p and returns its answer. A question that an idle stream
// failed to carry is asked once more on a new one.
func (m *messenger) SendRequest(ctx context.Context, p peer.ID, q *pb.Message) (*pb.Message, error) {
	answer := new(pb.Message)
	err := m.exchange(ctx, p, func(l *link) error {
		if err := writeMessage(l, q); err != nil {
			return err
		}
		return readMessage(l.r, answer)
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// SendMessage tells p something that has no answer.
func (m *messenger) SendMessage(ctx context.Context, p peer.ID, q *pb.Message) error {
	return m.exchange(ctx, p, func(l *link) error { return writeMessage(l, q) })
}

// OnDisconnect is called by the library when the last connection to p is gone.
func (m *messenger) OnDisconnect(_ context.Context, p peer.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.idle[p] {
		l.Reset()
	}
	delete(m.idle, p)
}

func (m *messenger) exchange(ctx context.Context, p peer.ID, talk func(*link) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.limit)
	defer cancel()
	start := time.Now()
	for {
		l, fresh, err := m.take(ctx, p)
		if err != nil {
			return err
		}
		err = m.talk(ctx, l, talk)
		if err == nil {
			m.host.Libp2p().Peerstore().RecordLatency(p, time.Since(start))
			m.put(p, l)
			return nil
		}
		l.Reset()
		if fresh || ctx.Err() != nil {
			return fmt.Errorf("dht: ask %s: %w", p, err)
		}
	}
}

// talk runs one exchange on l, within the context.
func (m *messenger) talk(ctx context.Context, l *link, talk func(*link) error) error {
	deadline, _ := ctx.Deadline()
	if err := l.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { l.Reset() })
	err := talk(l)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	return err
}

// take returns an idle stream to p, or a fresh one.
func (m *messenger) take(ctx context.Context, p peer.ID) (l *link, fresh bool, err error) {
	if l := m.takeIdle(p); l != nil {
		return l, false, nil
	}
	to, err := p2p.FromLibp2p(p)
	if err != nil {
		return nil, false, fmt.Errorf("dht: ask %s: %w", p, err)
	}
	s, err := m.host.Open(ctx, to, m.proto)
	if err != nil {
		return nil, false, err
	}
	return &link{Stream: s, r: bufio.NewReaderSize(s, 1024)}, true, nil
}

func (m *messenger) takeIdle(p peer.ID) *link {
	m.mu.Lock()
	defer m.mu.Unlock()
	links := m.idle[p]
	for len(links) > 0 {
		l := links[len(links)-1]
		links = links[:len(links)-1]
		m.idle[p] = links
		if time.Since(l.used) < idleStreamAge {
			return l
		}
		l.Reset()
	}
	return nil
}

func (m *messenger) put(p peer.ID, l *link) {
	l.used = time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.idle[p]) >= idleStreamsMax {
		l.Close()
		return
	}
	m.idle[p] = append(m.idle[p], l)
}

func writeMessage(w io.Writer, q *pb.Message) error {
	b := binary.AppendUvarint(nil, uint64(proto.Size(q)))
	b, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, q)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func readMessage(r *bufio.Reader, answer *pb.Message) error {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return err
	}
	if n > messageBytesMax {
		return fmt.Errorf("%w: %d bytes, limit %d", errMessage, n, messageBytesMax)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	if err := proto.Unmarshal(b, answer); err != nil {
		return fmt.Errorf("%w: %v", errMessage, err)
	}
	return nil
}
