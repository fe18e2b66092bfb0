package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/atollnet/atoll/cmd/peerctl/local"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// publishing are the flags of verbs that publish.
type publishing struct {
	hold    bool
	confirm int
}

func (p *publishing) define(f *pflag.FlagSet) {
	f.BoolVar(&p.hold, "hold", false, "do not publish yet: collect changes until publish")
	f.IntVar(&p.confirm, "confirm", 0, "fail with code 8 unless `N` peers confirm each record; 0: half of those that can")
}

func (a *app) nameSetVerb(op, short string) *cobra.Command {
	var p publishing
	var ttl uint32
	c := &cobra.Command{
		Use: op + " NAME TYPE DATA…", Short: short, Args: cobra.MinimumNArgs(3),
		Long: short + `, and publish.

DATA is written as in master files, one argument for each record: A 192.0.2.7, MX '10 mail',
TXT '"some text"'. Names in it that do not end in a dot are relative to the zone.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.nameChange(c.Context(), api.NameChangeRequest{Op: op, Name: args[0], Type: args[1], TTL: ttl, Data: args[2:]}, p)
		},
	}
	p.define(c.Flags())
	c.Flags().Uint32Var(&ttl, "ttl", 300, "how many `seconds` others may keep it")
	return c
}

func (a *app) nameRemoveVerb() *cobra.Command {
	var p publishing
	c := &cobra.Command{
		Use: "rm NAME [TYPE [DATA…]]", Short: "Remove records: all of a name, of a type, or certain ones", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r := api.NameChangeRequest{Op: "rm", Name: args[0]}
			if len(args) > 1 {
				r.Type, r.Data = args[1], args[2:]
			}
			return a.nameChange(c.Context(), r, p)
		},
	}
	p.define(c.Flags())
	return c
}

func (a *app) nameLinkVerb() *cobra.Command {
	var p publishing
	public, yes := false, false
	c := &cobra.Command{
		Use: "link NAME REF", Short: "Have a name stand for data", Args: cobra.ExactArgs(2),
		Long: `Have a name stand for the newest version of REF: peerctl get NAME/path, ls NAME and so on
take it from then on. The record tells the object alone, so that only who has the key anyway
can read; --public puts the key in too, and then everybody can. It asks first.`,
		RunE: func(c *cobra.Command, args []string) error {
			ref, err := a.ref(args[1])
			if err != nil {
				return err
			}
			if public && !yes {
				if err := a.confirm("let everybody read %s and what is below it, for good?", args[1]); err != nil {
					return err
				}
			}
			return a.nameChange(c.Context(), api.NameChangeRequest{Op: "link", Name: args[0], Data: []string{ref}, Public: public}, p)
		},
	}
	p.define(c.Flags())
	c.Flags().BoolVar(&public, "public", false, "put the key into the record: everybody can read it")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (a *app) nameDelegateVerb() *cobra.Command {
	var p publishing
	c := &cobra.Command{
		Use: "delegate NAME ZONE|DS…", Short: "Give a name to another zone", Args: cobra.MinimumNArgs(2),
		Long: `Give a name below one of your zones to another zone: one of yours by its label, anybody's by
its self-certifying name, or by the data of DS records.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.nameChange(c.Context(), api.NameChangeRequest{Op: "delegate", Name: args[0], Data: args[1:]}, p)
		},
	}
	p.define(c.Flags())
	return c
}

func (a *app) nameRegisterVerb() *cobra.Command {
	confirm := 0
	c := &cobra.Command{
		Use: "register NAME LABEL", Short: "Ask the holder of a parent zone for a name for your zone", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := a.peerd.NameRegister(a.listening(c.Context()), api.NameRegisterRequest{Name: args[0], Zone: args[1], Confirm: confirm})
			return a.named(r, err)
		},
	}
	c.Flags().IntVar(&confirm, "confirm", 0, "fail with code 8 unless `N` peers confirm each record; 0: half of those that can")
	return c
}

func (a *app) namePublishVerb() *cobra.Command {
	var p publishing
	c := &cobra.Command{
		Use: "publish LABEL", Short: "Publish what was held back, and all records anew", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.nameChange(c.Context(), api.NameChangeRequest{Op: "publish", Name: args[0]}, p)
		},
	}
	c.Flags().IntVar(&p.confirm, "confirm", 0, "fail with code 8 unless `N` peers confirm each record; 0: half of those that can")
	return c
}

func (a *app) nameImportVerb() *cobra.Command {
	var p publishing
	replace := false
	c := &cobra.Command{
		Use: "import LABEL FILE|-", Short: "Take over the records of a master file (RFC 1035)", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := a.input(args[1])
			if err != nil {
				return err
			}
			return a.nameChange(c.Context(), api.NameChangeRequest{Op: "import", Name: args[0], Data: []string{string(b)}, Replace: replace}, p)
		},
	}
	p.define(c.Flags())
	c.Flags().BoolVar(&replace, "replace", false, "remove what the file does not have")
	return c
}

// input reads a file, or standard input for "-".
func (a *app) input(path string) ([]byte, error) {
	if path == "-" {
		b, err := io.ReadAll(a.in)
		return b, local.Failure("read", "standard input", err)
	}
	b, err := os.ReadFile(path)
	return b, local.Failure("read", path, err)
}

func (a *app) nameChange(ctx context.Context, r api.NameChangeRequest, p publishing) error {
	r.Hold, r.Confirm = p.hold, p.confirm
	got, err := a.peerd.NameChange(a.listening(ctx), r)
	return a.named(got, err)
}

// named says what became of a change of a zone. Too few confirmations are a
// failure after the change: it is said, and it holds.
func (a *app) named(r api.NameResult, err error) error {
	if err != nil && errs.KindOf(err) != errs.TooFew {
		return err
	}
	switch {
	case r.Name == "":
	case !r.Published:
		a.say("%s: changed, and not published yet", r.Name)
	case r.Alone:
		a.say("%s: serial %d, kept here alone: no other peer is known", r.Name, r.Serial)
	case r.Records == 0:
		a.say("%s: serial %d, nothing had to be published", r.Name, r.Serial)
	default:
		a.say("%s: serial %d, %s confirmed by %s each at least", r.Name, r.Serial, count(r.Records, "record", "records"), count(r.Confirmed, "peer", "peers"))
	}
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	return a.show(r, func() error { return nil })
}
