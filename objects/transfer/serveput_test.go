package transfer

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// script is a put stream written by hand: what an honest writer would send,
// for the test to spoil.
type script struct {
	open      putOpen
	fragments [][]byte
	statement putStatement
	author    wire.Key
	manifest  *extent.Manifest
	end       []byte // in place of the closing message
}

// newScript returns the stream that brings share 2 of a 2-of-4 extent to a node.
func newScript(t *testing.T, w *world, n *node) *script {
	t.Helper()
	builder, err := extent.NewBuilder(2, 4)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{author: w.author}
	for _, b := range blocks(3, 50_000, 70_001, 3) {
		_, fragments, err := builder.Add(b)
		if err != nil {
			t.Fatal(err)
		}
		s.fragments = append(s.fragments, fragments[2])
	}
	s.manifest = builder.Manifest()
	s.open = putOpen{Object: wire.ObjectID{7}, Author: w.author.Public(), K: 2, N: 4, Share: 2, LeaseSeconds: 5000}
	s.statement = putStatement{Object: s.open.Object, Extent: s.manifest.ID(), Holder: n.peer, Share: 2, LeaseSeconds: 5000}
	return s
}

// send plays the script; errors are seen in the answer.
func (s *script) send(to Stream) {
	frame.WriteMessage(to, &s.open)
	for _, f := range s.fragments {
		frame.Write(to, f)
	}
	frame.Write(to, nil)
	end := s.end
	if end == nil {
		end = wire.Marshal(&putClose{Manifest: s.manifest.Encode(), Signature: s.author.Sign(TagPut, wire.Marshal(s.statement))})
	}
	frame.Write(to, end)
	to.CloseWrite()
}

// answered reads the reply on a put stream.
func answered(from Stream) (*putReply, error) {
	reply := new(putReply)
	return reply, receive(from, reply, putReplyBytesMax)
}

// refusedAs returns the kind of refusal in an error, 0 if it is none.
func refusedAs(err error) RefusalKind {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Kind
	}
	return 0
}

func TestHolderChecksAShareBeforeItSigns(t *testing.T) {
	flip := func(b []byte) []byte { c := append([]byte(nil), b...); c[len(c)/2] ^= 1; return c }
	for name, c := range map[string]struct {
		spoil func(*script)
		want  RefusalKind // 0: it is stored
	}{
		"honest":                {func(*script) {}, 0},
		"k is zero":             {func(s *script) { s.open.K = 0 }, RefusedMalformed},
		"share out of range":    {func(s *script) { s.open.Share = 4 }, RefusedMalformed},
		"oversized fragment":    {func(s *script) { s.fragments[1] = make([]byte, wire.SealedBytesMax/2+1) }, RefusedMalformed},
		"too many fragments":    {func(s *script) { s.fragments = make2(wire.ExtentStripesMax+1, 10) }, RefusedMalformed},
		"a fragment too few":    {func(s *script) { s.fragments = s.fragments[:2] }, RefusedMalformed},
		"no fragment":           {func(s *script) { s.fragments = nil }, RefusedMalformed},
		"a byte too many":       {func(s *script) { s.fragments[2] = make([]byte, 3) }, RefusedMalformed},
		"flipped bit":           {func(s *script) { s.fragments[0] = flip(s.fragments[0]) }, RefusedMalformed},
		"another k":             {func(s *script) { s.open.K = 3 }, RefusedMalformed},
		"another n":             {func(s *script) { s.open.N = 5 }, RefusedMalformed},
		"garbage close":         {func(s *script) { s.end = []byte("garbage") }, RefusedMalformed},
		"oversized close":       {func(s *script) { s.end = make([]byte, putCloseBytesMax+1) }, RefusedMalformed},
		"garbage manifest":      {func(s *script) { s.end = wire.Marshal(&putClose{Manifest: []byte{1, 2}}) }, RefusedMalformed},
		"manifest of no stripe": {func(s *script) { s.manifest.Stripes = nil }, RefusedMalformed},
		"another share's name":  {func(s *script) { s.open.Share, s.statement.Share = 3, 3 }, RefusedMalformed},
		"signed by another":     {func(s *script) { s.author = wire.NewKey([32]byte{9}) }, RefusedNotAllowed},
		"for another object":    {func(s *script) { s.statement.Object = wire.ObjectID{8} }, RefusedNotAllowed},
		"for another extent":    {func(s *script) { s.statement.Extent = wire.ExtentID{8} }, RefusedNotAllowed},
		"for another holder":    {func(s *script) { s.statement.Holder = wire.PeerID{8} }, RefusedNotAllowed},
		"for another share":     {func(s *script) { s.statement.Share = 1 }, RefusedNotAllowed},
		"for another lease":     {func(s *script) { s.statement.LeaseSeconds = 1 }, RefusedNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				n := w.nodes[0]
				s := newScript(t, w, n)
				c.spoil(s)
				stream, _ := w.Open(t.Context(), n.peer, ProtocolPut)
				go s.send(stream)
				reply, err := answered(stream)
				if err != nil {
					t.Fatalf("no answer: %v", err)
				}
				if c.want == 0 {
					honest(t, s, n, reply)
					return
				}
				if reply.Refusal == nil || reply.Refusal.Kind != c.want {
					t.Errorf("%v, want a refusal of kind %v", reply.Refusal, c.want)
				}
				if len(n.store.puts) != 0 {
					t.Error("it was stored")
				}
			})
		})
	}
}

func make2(n, size int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, size)
	}
	return out
}

func honest(t *testing.T, s *script, n *node, reply *putReply) {
	t.Helper()
	if reply.Receipt == nil {
		t.Fatal(reply.Refusal)
	}
	r := reply.Receipt.Expand(s.open.Object, s.open.Author, s.manifest)
	if err := r.Verify(); err != nil {
		t.Error(err)
	}
	if !n.store.has(s.manifest.ID(), 2) || r.Holder != n.peer || r.LeaseSeconds != 5000 {
		t.Errorf("receipt %+v", r.Receipt)
	}
}

func TestHolderGrantsNoLongerLeaseThanItLikes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		n := w.nodes[0]
		n.server = NewServer(ServerConfig{Self: n.peer, Key: n.key, Store: n.store, LeaseSecondsMax: 100})
		s := newScript(t, w, n)
		stream, _ := w.Open(t.Context(), n.peer, ProtocolPut)
		go s.send(stream)
		reply, err := answered(stream)
		if err != nil || reply.Receipt == nil || reply.Receipt.LeaseSeconds != 100 || n.store.puts[0].LeaseSeconds != 100 {
			t.Errorf("%+v, %v: want a lease of 100 s", reply, err)
		}
	})
}

func TestHolderWithoutSpaceSaysSoBeforeTheBulk(t *testing.T) {
	for name, c := range map[string]struct {
		free uint64
		most int // bytes that the holder may have read
	}{
		"nothing left": {0, 200},
		"too little":   {30_000, 60_000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				n := w.nodes[0]
				n.store.free = c.free
				counted := &counting{}
				n.wrap = func(_ string, s Stream) Stream { counted.Stream = s; return counted }
				s := newScript(t, w, n)
				stream, _ := w.Open(t.Context(), n.peer, ProtocolPut)
				go s.send(stream)
				reply, err := answered(stream)
				if err != nil || reply.Refusal == nil || reply.Refusal.Kind != RefusedFull {
					t.Fatalf("%+v, %v: want a refusal", reply, err)
				}
				w.end()
				if counted.read > c.most {
					t.Errorf("it read %d bytes, want at most %d", counted.read, c.most)
				}
			})
		})
	}
}

// counting counts what is read from a stream.
type counting struct {
	Stream
	read int
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.Stream.Read(b)
	c.read += n
	return n, err
}

// serveError runs a server on one end of a pipe and returns what it returned,
// and after how long.
func serveError(ctx context.Context, run func(context.Context, Stream) error, drive func(Stream)) (took time.Duration, err error) {
	near, far := newPipe()
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- run(ctx, far) }()
	drive(near)
	err = <-done
	near.Reset()
	return time.Since(began), err
}

func TestWriterThatStallsIsCutOff(t *testing.T) {
	limit := serverProgressTimeout + time.Second
	for name, c := range map[string]struct {
		drive func(*script, Stream)
		most  time.Duration
	}{
		"says nothing":      {func(*script, Stream) {}, limit},
		"stops after open":  {func(s *script, to Stream) { frame.WriteMessage(to, &s.open) }, limit},
		"half a header":     {func(s *script, to Stream) { frame.WriteMessage(to, &s.open); to.Write([]byte{0, 0}) }, limit},
		"stops in the bulk": {func(s *script, to Stream) { frame.WriteMessage(to, &s.open); to.Write([]byte{0, 0, 9, 9, 1}) }, limit},
		"one byte a second": {trickle, 12 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				n := w.nodes[0]
				s := newScript(t, w, n)
				run := func(ctx context.Context, far Stream) error { return n.server.ServePut(ctx, w.self, far) }
				took, err := serveError(t.Context(), run, func(near Stream) { c.drive(s, near) })
				if err == nil || took > c.most {
					t.Errorf("%v after %v, want an error within %v", err, took, c.most)
				}
				if len(n.server.putStreams.byPeer)+len(n.server.putBytes.byPeer) != 0 {
					t.Error("something is still occupied")
				}
			})
		})
	}
}

// trickle sends one byte a second until nobody takes it.
func trickle(s *script, to Stream) {
	frame.WriteMessage(to, &s.open)
	to.Write([]byte{0, 0, 0xff, 0xff})
	for {
		if _, err := to.Write([]byte{1}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func TestServingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		n := w.nodes[0]
		for name, run := range map[string]func(context.Context, Stream) error{
			"put": func(ctx context.Context, far Stream) error { return n.server.ServePut(ctx, w.self, far) },
			"get": func(ctx context.Context, far Stream) error { return n.server.ServeGet(ctx, w.self, far) },
		} {
			ctx, cancel := context.WithCancel(t.Context())
			took, err := serveError(ctx, run, func(near Stream) { cancel() })
			if !errors.Is(err, context.Canceled) || took != 0 {
				t.Errorf("%s: %v after %v", name, err, took)
			}
		}
	})
}

func TestWriterThatDiesLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		n := w.nodes[0]
		s := newScript(t, w, n)
		run := func(ctx context.Context, far Stream) error { return n.server.ServePut(ctx, w.self, far) }
		_, err := serveError(t.Context(), run, func(near Stream) {
			frame.WriteMessage(near, &s.open)
			frame.Write(near, s.fragments[0])
			near.CloseWrite()
		})
		if err != io.EOF || len(n.store.puts) != 0 {
			t.Errorf("%v, %d shares stored", err, len(n.store.puts))
		}
	})
}

func TestPutLimitsOfAHolder(t *testing.T) {
	const others = 1000
	for name, c := range map[string]struct {
		config ServerConfig
		peer   func(i int) byte // who opens stream i
		fits   int              // streams until one is refused
	}{
		"streams of one peer": {ServerConfig{PutStreamsPerPeerMax: 3}, func(int) byte { return 1 }, 3},
		"streams of all":      {ServerConfig{PutStreamsMax: 5}, func(i int) byte { return byte(i) }, 5},
		"bytes of one peer":   {ServerConfig{PutBytesPerPeerMax: 110_000}, func(int) byte { return 1 }, 4},
		"bytes of all":        {ServerConfig{PutBytesMax: 160_000}, func(i int) byte { return byte(i) }, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				n := w.nodes[0]
				c.config.Self, c.config.Key, c.config.Store = n.peer, n.key, n.store
				server := NewServer(c.config)
				s := newScript(t, w, n)
				var streams []Stream
				refused := -1
				for i := 0; refused < 0 && i < others; i++ {
					near, far := newPipe()
					streams = append(streams, near)
					w.running.Go(func() {
						if err := server.ServePut(w.ctx, wire.PeerID{c.peer(i)}, far); refusedAs(err) == RefusedBusy {
							refused = i
						}
					})
					// A fragment of 25,000 bytes, and no end of it.
					frame.WriteMessage(near, &s.open)
					frame.Write(near, s.fragments[0])
					synctest.Wait()
				}
				if refused != c.fits {
					t.Errorf("stream %d was refused, want %d", refused, c.fits)
				}
				for _, near := range streams {
					near.Reset()
				}
				w.end()
				for _, g := range []*gate{server.putStreams, server.putBytes} {
					if g.all != 0 || len(g.byPeer) != 0 {
						t.Errorf("%d are still occupied by %d peers", g.all, len(g.byPeer))
					}
				}
			})
		})
	}
}
