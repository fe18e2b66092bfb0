package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

func (a *app) verifyVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE [OBJECT]",
		Short: "Check the proof of a version, without a network",
		Long: `Check what log --export or ring --evidence wrote; - is standard input. No peerd and no
network is needed.

OBJECT is the volume that it must be about, as stat and log --json name it. Without it the
volume's name is shown, and yours to compare: a proof holds for that name and no other.

Exit code 5: it is about another volume; 12: it proves nothing. A proof says that the version
was certified, and what its state is; it does not say that there is no newer one.`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error { return a.verify(args) },
	}
}

// proven is what verify shows.
type proven struct {
	Object      string    `json:"object"`
	Version     uint64    `json:"version"`
	Time        time.Time `json:"time"` // zero for version 0
	Certificate string    `json:"certificate"`
	State       string    `json:"state"`
	Owner       string    `json:"owner"`
	Epoch       uint64    `json:"epoch"`
	Members     int       `json:"members"`
	Quorum      int       `json:"quorum"`
	Overrides   uint64    `json:"overrides"`
}

func (a *app) verify(args []string) error {
	name := api.Path(args[0]).String()
	record, err := a.readProof(args[0])
	if err != nil {
		return local.Failure("read", args[0], err)
	}
	if x, err := bft.ParseExhibit(record); err == nil {
		return a.verifyExhibit(x, args, name)
	}
	head, err := bft.ParseHead(record)
	if err != nil {
		return errs.New("verify", name, errs.Damaged, err)
	}
	object, err := aboutWanted(head, args, name)
	if err != nil {
		return err
	}
	v, err := head.Verify(object)
	if err != nil {
		return errs.New("verify", name, errs.Damaged, err)
	}
	p := proven{
		Object: object.String(), Version: uint64(v.Decision.Version), Owner: head.Genesis.Body.Owner.String(),
		Epoch: uint64(v.Epoch), Members: len(v.Ring.Members), Quorum: v.Ring.Quorum(), Overrides: v.Overrides,
	}
	if p.Version > 0 {
		p.Time, p.Certificate, p.State = time.UnixMilli(v.Decision.TimeUnixMilli).UTC(), v.Version.String(), v.Decision.State.String()
	}
	return a.show(p, func() error { return a.printProven(p) })
}

// aboutWanted returns which volume a head is about, if it is the one that was
// named.
func aboutWanted(head bft.Head, args []string, name string) (wire.ObjectID, error) {
	object := head.Genesis.Body.ObjectID()
	if len(args) < 2 {
		return object, nil
	}
	wanted, err := wire.ParseObjectID(args[1])
	if err != nil {
		return object, usage("%s is no name of a volume", args[1])
	}
	if wanted != object {
		return object, errs.Newf("verify", name, errs.Refused, "it is about %v, not %v", object, wanted)
	}
	return object, nil
}

// exposed is what verify shows of lies.
type exposed struct {
	Object string `json:"object"`
	Owner  string `json:"owner"`
	Lies   []lie  `json:"lies"`
}

// lie is one of them: of a peer, or of a ring that has certified two histories.
type lie struct {
	Epoch  uint64 `json:"epoch"`
	Peer   string `json:"peer,omitempty"`
	Forked bool   `json:"forked"`
}

func (a *app) verifyExhibit(x bft.Exhibit, args []string, name string) error {
	object, err := aboutWanted(x.Head, args, name)
	if err != nil {
		return err
	}
	found, err := x.Verify(object)
	if err != nil {
		return errs.New("verify", name, errs.Damaged, err)
	}
	out := exposed{Object: object.String(), Owner: x.Head.Genesis.Body.Owner.String()}
	for _, l := range found {
		shown := lie{Epoch: uint64(l.Epoch), Forked: l.Forked}
		if !l.Forked {
			shown.Peer = l.Peer.String()
		}
		out.Lies = append(out.Lies, shown)
	}
	return a.show(out, func() error {
		if err := a.print("object   %s\nowner    %s", out.Object, out.Owner); err != nil {
			return err
		}
		for _, l := range found {
			if err := a.print("evidence: %v", l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) printProven(p proven) error {
	when := "the state that the volume began with"
	if p.Version > 0 {
		when = "certified " + p.Time.Local().Format(time.DateTime)
	}
	if err := a.print("object   %s\nowner    %s\nversion  %d, %s\nepoch    %d, signed by %d of %d", p.Object, p.Owner, p.Version, when, p.Epoch, p.Quorum, p.Members); err != nil {
		return err
	}
	if p.Version > 0 {
		if err := a.print("state    %s", p.State); err != nil {
			return err
		}
	}
	if p.Overrides > 0 {
		return a.print("the owner has replaced lost rings %s", count(p.Overrides, "time", "times"))
	}
	return nil
}

// readProof reads no more than a proof can have, so that a large file is not
// taken in before it is refused.
func (a *app) readProof(file string) ([]byte, error) {
	in := io.Reader(os.Stdin)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, bft.ExhibitBytesMax+1))
}

// exportProof writes what proves the version that a reference selects.
func (a *app) exportProof(ctx context.Context, arg, file string) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	p, err := a.peerd.Prove(a.listening(ctx), api.ProofRequest{Ref: ref, Consistency: a.consistency})
	if err != nil {
		return err
	}
	if file == "-" {
		_, err = a.out.Write(p.Record)
		return err
	}
	if err := a.writeNew(file, bytes.NewReader(p.Record)); err != nil {
		return err
	}
	a.say("%s: the proof of version %d of %s", api.Path(file), p.Version, p.Object)
	return nil
}
