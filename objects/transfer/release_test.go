package transfer

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
)

// letting lets go of what the owner with one key says.
type letting struct {
	owner   wire.PublicKey
	version wire.Version
	extents []wire.ExtentID
}

func (l *letting) Owner(_ wire.ObjectID, key wire.PublicKey, proof []byte) error {
	if key != l.owner || !bytes.Equal(proof, []byte("proof")) {
		return errors.New("not the owner")
	}
	return nil
}

func (l *letting) Release(_ context.Context, _ wire.ObjectID, v wire.Version, extents []wire.ExtentID) (uint64, error) {
	l.version, l.extents = v, extents
	return 1000, nil
}

func (l *letting) Delete(_ context.Context, d Deletion) (uint64, error) {
	if !bytes.Equal(d.Word, []byte("word")) {
		return 0, errs.Newf("delete", "", errs.Refused, "not the owner's word")
	}
	return 2000, l.Owner(d.Object, l.owner, d.Proof)
}

func TestHoldersLetGoForTheOwnerAlone(t *testing.T) {
	w, c, _, _ := custodied(t, 2)
	n := w.nodes[0]
	let := &letting{owner: c.Key.Public()}
	n.server.Releasing = let
	r := Release{Object: wire.ObjectID{7}, Version: 12, Holder: n.peer, Extents: []wire.ExtentID{{1}, {2}}}
	freed, err := Owner{w, c.Key}.Release(t.Context(), r, []byte("proof"))
	if err != nil || freed != 1000 || let.version != 12 || len(let.extents) != 2 {
		t.Fatalf("%d bytes, %v; version %d, %v", freed, err, let.version, let.extents)
	}
	let.extents = nil
	signed := func(change func(*releaseOpen)) *releaseOpen {
		open := &releaseOpen{Release: r, Proof: []byte("proof")}
		open.Release.Owner = c.Key.Public()
		change(open)
		if open.Signature == (wire.Signature{}) {
			open.Signature = c.Key.Sign(TagRelease, wire.Marshal(open.Release))
		}
		return open
	}
	for name, x := range map[string]struct {
		open *releaseOpen
		want RefusalKind
	}{
		"a stranger": {signed(func(o *releaseOpen) {
			o.Release.Owner = w.author.Public()
			o.Signature = w.author.Sign(TagRelease, wire.Marshal(o.Release))
		}), RefusedNotAllowed},
		"no proof":                      {signed(func(o *releaseOpen) { o.Proof = nil }), RefusedNotAllowed},
		"another holder's release":      {signed(func(o *releaseOpen) { o.Release.Holder = w.nodes[1].peer }), RefusedNotAllowed},
		"a signature of the wrong kind": {signed(func(o *releaseOpen) { o.Signature = c.Key.Sign(TagKeep, wire.Marshal(o.Release)) }), RefusedNotAllowed},
		"no extent":                     {signed(func(o *releaseOpen) { o.Release.Extents = nil }), RefusedMalformed},
		"an extent twice":               {signed(func(o *releaseOpen) { o.Release.Extents = []wire.ExtentID{{1}, {1}} }), RefusedMalformed},
		"too many":                      {signed(func(o *releaseOpen) { o.Release.Extents = make([]wire.ExtentID, ReleaseExtentsMax+1) }), RefusedMalformed},
	} {
		s, err := w.Open(t.Context(), n.peer, ProtocolRelease)
		if err != nil {
			t.Fatal(err)
		}
		frame.WriteMessage(s, x.open)
		var reply releaseReply
		if err := receive(s, &reply, putReplyBytesMax); err != nil || reply.Refusal == nil || reply.Refusal.Kind != x.want {
			t.Errorf("%s: %+v, %v; want a refusal of kind %v", name, reply, err, x.want)
		}
		s.Reset()
	}
	if let.extents != nil {
		t.Error("something was let go")
	}
	n.server.Releasing = nil
	if _, err := (Owner{w, c.Key}).Release(t.Context(), r, []byte("proof")); refusedAs(err) != RefusedNotAllowed {
		t.Errorf("a peer that releases nothing: %v", err)
	}
}

func FuzzReleaseOpen(f *testing.F) {
	fuzz(f, releaseOpenBytesMax, &releaseOpen{Release: Release{Version: 3, Extents: []wire.ExtentID{{1}, {2}}}, Proof: []byte("head")})
}

func FuzzReleaseReply(f *testing.F) {
	fuzz(f, putReplyBytesMax, &releaseReply{Bytes: 9}, &releaseReply{Refusal: refuse(RefusedNotAllowed, "no")})
}

func TestHoldersLearnOfDeletions(t *testing.T) {
	w, c, _, _ := custodied(t, 1)
	n := w.nodes[0]
	d := Deletion{Object: wire.ObjectID{7}, Word: []byte("word"), Proof: []byte("proof")}
	if _, err := c.TellDeleted(t.Context(), n.peer, d); refusedAs(err) != RefusedNotAllowed {
		t.Errorf("a peer that releases nothing: %v", err)
	}
	n.server.Releasing = &letting{owner: c.Key.Public()}
	if freed, err := c.TellDeleted(t.Context(), n.peer, d); err != nil || freed != 2000 {
		t.Errorf("%d bytes, %v", freed, err)
	}
	d.Word = make([]byte, DeletionBytesMax)
	if _, err := c.TellDeleted(t.Context(), n.peer, d); refusedAs(err) != RefusedNotAllowed {
		t.Errorf("a word that proves nothing: %v", err)
	}
	d.Word = make([]byte, DeletionBytesMax+1)
	if _, err := c.TellDeleted(t.Context(), n.peer, d); refusedAs(err) != RefusedMalformed {
		t.Errorf("a word that is too long: %v", err)
	}
}

func FuzzDeletion(f *testing.F) {
	fuzz(f, deletionBytesMax, &Deletion{Object: wire.ObjectID{1}, Word: []byte("word"), Proof: []byte("head")})
}
