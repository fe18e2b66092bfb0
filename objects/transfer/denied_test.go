package transfer

import (
	"testing"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

func ofObject(denied wire.ObjectID) func(wire.ObjectID, wire.ExtentID) bool {
	return func(object wire.ObjectID, _ wire.ExtentID) bool { return object == denied }
}

func ofExtent(denied wire.ExtentID) func(wire.ObjectID, wire.ExtentID) bool {
	return func(_ wire.ObjectID, id wire.ExtentID) bool { return id == denied }
}

// What a holder's operator does not want is refused before its bulk where it has
// been named by then.
func TestADeniedPutIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	s := newScript(t, w, n)
	put := func(play func(Stream)) {
		t.Helper()
		stream, _ := w.Open(t.Context(), n.peer, ProtocolPut)
		defer stream.Close()
		go play(stream)
		if reply, err := answered(stream); err != nil || reply.Refusal == nil || reply.Refusal.Kind != RefusedDenied {
			t.Errorf("%+v, %v", reply, err)
		}
	}
	n.store.denies = ofObject(s.open.Object)
	put(func(to Stream) { frame.WriteMessage(to, &s.open) })
	n.store.denies = ofExtent(s.manifest.ID())
	put(s.send)
	if len(n.store.puts) != 0 {
		t.Errorf("%d shares are stored", len(n.store.puts))
	}
}

// A denied extent is not served, and the stream goes on; its custodian hears
// that it is not there.
func TestADeniedExtentIsNotServed(t *testing.T) {
	w, n, s := holding(t)
	n.store.denies = ofExtent(s.manifest.ID())
	stream, _ := w.Open(t.Context(), n.peer, ProtocolGet)
	defer stream.Close()
	for _, q := range []getRequest{{What: getManifest, Extent: s.manifest.ID()}, {What: getRange, Extent: s.manifest.ID(), Share: 2, Length: 1}} {
		frame.WriteMessage(stream, &q)
		var reply getReply
		err := receive(stream, &reply, getReplyBytesMax)
		if err != nil || reply.Refusal == nil || reply.Refusal.Kind != RefusedDenied || !Denies(reply.Refusal) {
			t.Errorf("%+v, %v", reply, err)
		}
	}
}

func TestACustodianIsDenied(t *testing.T) {
	w, c, m, shares := custodied(t, 1)
	n, object := w.nodes[0], wire.ObjectID{7}
	for name, denies := range map[string]func(wire.ObjectID, wire.ExtentID) bool{
		"object": ofObject(object), "extent": ofExtent(extent.IDOf(m.Encode())),
	} {
		n.store.denies = denies
		if _, err := c.Bring(t.Context(), object, n.peer, m, 2, shares[2], 5000, []byte("proof")); refusedAs(err) != RefusedDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(n.store.puts) != 0 {
		t.Errorf("%d shares are stored", len(n.store.puts))
	}
}
