package transfer

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// holding returns a world whose only node holds share 2 of an extent.
func holding(t *testing.T) (*world, *node, *script) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	s := newScript(t, w, n)
	stream, _ := w.Open(t.Context(), n.peer, ProtocolPut)
	go s.send(stream)
	if reply, err := answered(stream); err != nil || reply.Receipt == nil {
		t.Fatalf("%+v, %v", reply, err)
	}
	return w, n, s
}

func TestHolderAnswersRequestsOneAfterAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, s := holding(t)
		id := s.manifest.ID()
		stream, _ := w.Open(t.Context(), n.peer, ProtocolGet)
		defer stream.Close()
		ask := func(q getRequest) getReply {
			frame.WriteMessage(stream, &q)
			var reply getReply
			if err := receive(stream, &reply, getReplyBytesMax); err != nil {
				t.Fatal(err)
			}
			return reply
		}
		if reply := ask(getRequest{What: getManifest, Extent: id}); extent.IDOf(reply.Manifest) != id || string(reply.Shares) != "\x02" {
			t.Errorf("manifest: %+v", reply)
		}
		for name, q := range map[string]getRequest{
			"unknown extent":   {What: getManifest, Extent: wire.ExtentID{1}},
			"range of unknown": {What: getRange, Extent: wire.ExtentID{1}, Length: 1},
			"another share":    {What: getRange, Extent: id, Share: 1, Length: 1},
		} {
			if reply := ask(q); reply.Refusal == nil || reply.Refusal.Kind != RefusedNotFound {
				t.Errorf("%s: %+v", name, reply)
			}
		}
		size := s.manifest.ShareBytes()
		if reply := ask(getRequest{What: getRange, Extent: id, Share: 2, Offset: uint32(size), Length: 1}); reply.Refusal == nil || reply.Refusal.Kind != RefusedMalformed {
			t.Errorf("range outside the share: %+v", reply)
		}
		if reply := ask(getRequest{What: getRange, Extent: id, Share: 2, Offset: 100, Length: 30_000}); reply.Refusal != nil {
			t.Fatal(reply.Refusal)
		}
		slice := make([]byte, extent.SliceBytes(size, 100, 30_000))
		if _, err := io.ReadFull(stream, slice); err != nil {
			t.Fatal(err)
		}
		if _, err := extent.ReadSlice(slice, size, 100, 30_000, s.manifest.Shares[2]); err != nil {
			t.Error(err)
		}
	})
}

func TestBadRequestsAreRefusedAndEndTheStream(t *testing.T) {
	for name, raw := range map[string][]byte{
		"garbage":     append([]byte{0, 0, 0, 5}, "junk!"...),
		"empty":       {0, 0, 0, 0},
		"oversized":   {0, 0, 0, getRequestBytesMax + 1},
		"huge":        {255, 255, 255, 255},
		"empty range": framed(&getRequest{What: getRange}),
		"long range":  framed(&getRequest{What: getRange, Length: RangeBytesMax + 1}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				run := func(ctx context.Context, far Stream) error { return w.nodes[0].server.ServeGet(ctx, w.self, far) }
				var reply getReply
				took, err := serveError(t.Context(), run, func(near Stream) {
					near.Write(raw)
					if err := receive(near, &reply, getReplyBytesMax); err != nil {
						t.Error(err)
					}
				})
				if refusedAs(err) != RefusedMalformed || reply.Refusal == nil || reply.Refusal.Kind != RefusedMalformed || took != 0 {
					t.Errorf("%v, told %+v", err, reply)
				}
			})
		})
	}
}

func framed(m message) []byte {
	b := wire.Marshal(m)
	return append([]byte{0, 0, 0, byte(len(b))}, b...)
}

func TestReaderThatStallsIsCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		drive func(q *getRequest, near Stream)
		most  time.Duration
	}{
		"asks nothing":     {func(*getRequest, Stream) {}, serverIdleTimeout},
		"half a request":   {func(_ *getRequest, near Stream) { near.Write([]byte{0, 0, 0, 9, 1}) }, serverIdleTimeout},
		"takes no answer":  {func(q *getRequest, near Stream) { frame.WriteMessage(near, q) }, serverProgressTimeout},
		"a byte a second":  {sip, serverProgressTimeout + 2*time.Minute},
		"ends the stream":  {func(_ *getRequest, near Stream) { near.CloseWrite() }, 0},
		"breaks it midway": {func(_ *getRequest, near Stream) { near.Write([]byte{0, 0}); near.CloseWrite() }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 9)
				stored := w.mustPut(t, w.upload(1, 9), blocks(5, 1<<20))
				server := w.nodes[0].server
				q := &getRequest{What: getRange, Extent: stored.Manifest.ID(), Length: 1 << 20}
				run := func(ctx context.Context, far Stream) error { return server.ServeGet(ctx, w.self, far) }
				took, err := serveError(t.Context(), run, func(near Stream) { c.drive(q, near) })
				if (err == nil) != (name == "ends the stream") || took > c.most {
					t.Errorf("%v after %v, want within %v", err, took, c.most)
				}
				if len(server.getStreams.byPeer) != 0 {
					t.Error("the stream is still counted")
				}
			})
		})
	}
}

// sip reads an answer one byte a second until there is no more.
func sip(q *getRequest, near Stream) {
	frame.WriteMessage(near, q)
	for {
		if _, err := io.ReadFull(near, make([]byte, 1)); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func TestGetLimitsOfAHolder(t *testing.T) {
	for name, c := range map[string]struct {
		config ServerConfig
		peer   func(i int) byte
		fits   int
	}{
		"of one peer": {ServerConfig{GetStreamsPerPeerMax: 3}, func(int) byte { return 1 }, 3},
		"of all":      {ServerConfig{GetStreamsMax: 5}, func(i int) byte { return byte(i) }, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 0)
				c.config.Store = newMemory()
				server := NewServer(c.config)
				refused := -1
				var streams []Stream
				for i := 0; refused < 0 && i < 100; i++ {
					near, far := newPipe()
					streams = append(streams, near)
					w.running.Go(func() {
						if err := server.ServeGet(w.ctx, wire.PeerID{c.peer(i)}, far); refusedAs(err) == RefusedBusy {
							refused = i
						}
					})
					synctest.Wait()
				}
				if refused != c.fits {
					t.Errorf("stream %d was refused, want %d", refused, c.fits)
				}
				for _, near := range streams {
					near.Close()
				}
				w.end()
				if server.getStreams.all != 0 || len(server.getStreams.byPeer) != 0 {
					t.Error("streams are still counted")
				}
			})
		})
	}
}
