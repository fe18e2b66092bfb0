package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/node"
)

const (
	// lineEvery is how often a line says how far a long verb is.
	lineEvery = 10 * time.Second
	// silenceMax is how long a running peerd may say nothing.
	silenceMax = 5 * time.Minute
)

// checkVerb reads every share on this disk.
func checkVerb(o *options) *cobra.Command {
	inJSON := false
	c := &cobra.Command{
		Use:   "check",
		Short: "Read every share on this disk, and name those that are damaged",
		Long: `check reads every share that this peer holds and compares it with its hash. It
asks the peerd that runs; if none does it reads the data directory itself.
Damaged shares are not served any more; the peers that look after them are told,
and rebuild them elsewhere. Exit code 8 if any is damaged.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := o.settings(c.Flags())
			if err != nil {
				return err
			}
			r, running, err := checkStore(c.Context(), o, s, c.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := say(c.OutOrStdout(), inJSON, r, storeText(r, running)); err != nil {
				return err
			}
			if r.Damaged > 0 {
				return errs.Newf("check", "", errs.TooFew, "%s", counted(r.Damaged, "share is damaged", "shares are damaged"))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&inJSON, "json", false, "print JSON")
	c.Flags().StringVar(&o.flags.API, "api", "", "path of the local API's `socket` (default "+api.DefaultSocket()+")")
	return c
}

// checkStore has a running peer check its disk, or does it in its place.
func checkStore(ctx context.Context, o *options, s settings, complaints io.Writer) (r api.StoreReport, running bool, err error) {
	ctx, stop := follow(ctx, complaints)
	defer stop()
	peer := ask(s)
	defer peer.Close()
	r, err = peer.CheckStore(ctx)
	if errs.KindOf(err) != errs.NoDaemon {
		return r, true, err
	}
	cfg, err := s.node(o.dir, complaints)
	if err != nil {
		return r, false, err
	}
	r, err = node.CheckStore(ctx, cfg)
	return r, false, err
}

func storeText(r api.StoreReport, running bool) (text string) {
	for _, d := range r.List {
		text += fmt.Sprintf("damaged: share %d of %s: %s\n", d.Share, d.Extent, d.Error)
	}
	if more := r.Damaged - len(r.List); more > 0 {
		text += fmt.Sprintf("and %d more\n", more)
	}
	text += fmt.Sprintf("%s, %d bytes, read; %d damaged", counted(r.Shares, "share", "shares"), r.Bytes, r.Damaged)
	switch {
	case r.Damaged == 0:
	case running:
		text += fmt.Sprintf("; custodians were told of %d", r.Told)
	default:
		text += "; custodians are told when peerd runs again"
	}
	return text + "\n"
}

// leaveVerb has others take over what this peer holds.
func leaveVerb(o *options) *cobra.Command {
	inJSON := false
	c := &cobra.Command{
		Use:   "leave",
		Short: "Have other peers take over what this one holds, before it is stopped for good",
		Long: `leave asks the custodians of every share on this disk to move it to other peers,
and the rings that this peer is in to replace it. It takes nothing new meanwhile.
When it has ended, stop peerd and remove its data directory; your own volumes are
not in it (peerctl id export). Interrupted, the peer goes on as before. Exit code
8 if something could not be moved.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := o.settings(c.Flags())
			if err != nil {
				return err
			}
			ctx, stop := follow(c.Context(), c.ErrOrStderr())
			defer stop()
			peer := ask(s)
			defer peer.Close()
			r, err := peer.Leave(ctx)
			if err != nil {
				return err
			}
			if err := say(c.OutOrStdout(), inJSON, r, leaveText(r)); err != nil {
				return err
			}
			if r.SharesLeft+r.RingsLeft > 0 {
				err := errs.Newf("leave", "", errs.TooFew, "%s, %s stay here",
					counted(r.SharesLeft, "share", "shares"), counted(r.RingsLeft, "ring", "rings"))
				return errs.Hint(err, "their custodians do not answer, or no other peer has room; once peerd is stopped they count as lost, which most volumes survive")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&inJSON, "json", false, "print JSON")
	c.Flags().StringVar(&o.flags.API, "api", "", "path of the local API's `socket` (default "+api.DefaultSocket()+")")
	return c
}

func leaveText(r api.LeaveReport) string {
	text := fmt.Sprintf("moved: %d of %s, and replaced in %d of %s\n",
		r.Shares-r.SharesLeft, counted(r.Shares, "share", "shares"), r.Rings-r.RingsLeft, counted(r.Rings, "ring", "rings"))
	if r.SharesLeft+r.RingsLeft == 0 {
		text += "peerd may be stopped now\n"
	}
	return text
}

// ask returns a client of the peer that the settings name.
func ask(s settings) *client.Client {
	socket := s.API
	if socket == "" {
		socket = api.DefaultSocket()
	}
	return client.New(socket, silenceMax)
}

// say prints what came of a verb.
func say(out io.Writer, inJSON bool, r any, text string) error {
	if inJSON {
		return json.NewEncoder(out).Encode(r)
	}
	_, err := io.WriteString(out, text)
	return err
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// follower says now and then how far a verb is.
type follower struct {
	out io.Writer

	mu   sync.Mutex
	last api.Progress
}

// follow returns a context whose requests are followed until stop is called.
func follow(ctx context.Context, out io.Writer) (_ context.Context, stop func()) {
	f := &follower{out: out}
	tick := time.NewTicker(lineEvery)
	ended := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		for {
			select {
			case <-tick.C:
				f.tell()
			case <-ended:
				return
			}
		}
	})
	return api.WithObserver(ctx, f), func() {
		tick.Stop()
		close(ended)
		telling.Wait()
	}
}

// Progress implements api.Observer.
func (f *follower) Progress(p api.Progress) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Done > 0 || p.Total > 0 { // else it only says that it goes on
		f.last = p
	}
}

// Note implements api.Observer.
func (f *follower) Note(text string) { fmt.Fprintf(f.out, "peerd: %s\n", text) }

func (f *follower) tell() {
	f.mu.Lock()
	p := f.last
	f.mu.Unlock()
	switch {
	case p.Phase == "":
	case p.Total > 0:
		fmt.Fprintf(f.out, "peerd: %s: %d of %d %s\n", p.Phase, p.Done, p.Total, p.Unit)
	default:
		fmt.Fprintf(f.out, "peerd: %s: %d %s\n", p.Phase, p.Done, p.Unit)
	}
}
