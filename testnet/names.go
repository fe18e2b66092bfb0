package testnet

import (
	"context"
	"strings"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/errs"
)

// NamesSuffix is what a network's own names end in, and rootLabel the label of
// the zone of peer 0 that they lie in.
const (
	NamesSuffix = "test."
	rootLabel   = "test"
)

// namesArgs has peer i answer DNS, or not, and trust the network's root.
func (n *Network) namesArgs(s *state, i int) []string {
	if !n.cfg.Names && len(s.Roots) == 0 {
		return nil
	}
	at := address(i) + ":0"
	args := []string{"--dns", at, "--dot", at, "--doh", at}
	if i > 0 {
		for _, root := range s.Roots {
			args = append(args, "--root", root)
		}
	}
	return args
}

// makeRoot makes the zone that all peers trust once peer 0 answers, for the
// others are told of its key when they start.
func (n *Network) makeRoot(ctx context.Context, i int) error {
	if i != 0 || !n.cfg.Names {
		return nil
	}
	z, err := n.root(ctx, api.NameZoneRequest{Op: "create", Label: rootLabel, Root: NamesSuffix})
	if errs.KindOf(err) == errs.Conflict {
		z, err = n.root(ctx, api.NameZoneRequest{Op: "show", Label: rootLabel})
	}
	if err != nil {
		return err
	}
	return n.edit(func(s *state) error {
		s.Roots = nil
		for _, ds := range z.DS {
			if strings.HasPrefix(ds, NamesSuffix) {
				s.Roots = append(s.Roots, ds)
			}
		}
		return nil
	})
}

// openRoot has others register names in the root, and publishes it where all
// find it.
func (n *Network) openRoot(ctx context.Context) error {
	if !n.cfg.Names {
		return nil
	}
	_, err := n.root(ctx, api.NameZoneRequest{Op: "open", Label: rootLabel})
	return err
}

func (n *Network) root(ctx context.Context, r api.NameZoneRequest) (api.NameZone, error) {
	c := client.New(n.API(0), WaitMax)
	defer c.Close()
	z, err := c.NameZone(ctx, r)
	return z, errs.Wrap("make root zone", NamesSuffix, err)
}
