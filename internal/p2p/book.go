package p2p

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	bookPeersMax     = 256     // peers that the address book remembers
	bookAddressesMax = 8       // addresses of each
	bookBytesMax     = 1 << 20 // size of the file
	bookInterval     = 10 * time.Second
)

// book remembers, in a small file, the peers that this one was connected to,
// so that it finds its network again without an invitation. It is a hint: a
// file that is lost or damaged costs nothing but that, and is replaced.
type book struct {
	path   string
	loaded []wire.PeerID
	dirty  atomic.Bool

	mu    sync.Mutex
	peers []remembered // most recently met first
}

type remembered struct {
	Peer      wire.PeerID
	Addresses []string
}

// bookFile is the file's content: JSON, so that a person can read and mend it.
type bookFile struct {
	Peers []bookEntry `json:"peers"`
}

type bookEntry struct {
	Peer      string   `json:"peer"`
	Addresses []string `json:"addresses"`
}

// openBook reads the book; a file that does not exist or does not parse is an
// empty book.
func openBook(path string) (*book, error) {
	b := &book{path: path}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("p2p: address book: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, bookBytesMax))
	if err != nil {
		return nil, fmt.Errorf("p2p: address book: %w", err)
	}
	b.peers = parseBook(text)
	for _, r := range b.peers {
		b.loaded = append(b.loaded, r.Peer)
	}
	return b, nil
}

func parseBook(text []byte) []remembered {
	var file bookFile
	if json.Unmarshal(text, &file) != nil {
		return nil
	}
	var peers []remembered
	for _, e := range file.Peers[:min(len(file.Peers), bookPeersMax)] {
		if p, err := wire.ParsePeerID(e.Peer); err == nil {
			peers = append(peers, remembered{p, e.Addresses[:min(len(e.Addresses), bookAddressesMax)]})
		}
	}
	return peers
}

// Peers returns what the book holds.
func (b *book) Peers() []remembered {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.peers
}

// meet puts the peers that are connected now before those that are not.
func (b *book) meet(now []remembered) {
	b.mu.Lock()
	defer b.mu.Unlock()
	have := map[wire.PeerID]bool{}
	var peers []remembered
	for _, r := range append(now, b.peers...) {
		if !have[r.Peer] && len(r.Addresses) > 0 && len(peers) < bookPeersMax {
			have[r.Peer] = true
			peers = append(peers, r)
		}
	}
	b.peers = peers
}

// save replaces the file. It is not synced: losing it is no harm.
func (b *book) save() error {
	var file bookFile
	for _, r := range b.Peers() {
		file.Peers = append(file.Peers, bookEntry{r.Peer.String(), r.Addresses})
	}
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("p2p: address book: %w", err)
	}
	if err := os.WriteFile(b.path+".new", text, 0o600); err != nil {
		return fmt.Errorf("p2p: address book: %w", err)
	}
	if err := os.Rename(b.path+".new", b.path); err != nil {
		return fmt.Errorf("p2p: address book: %w", err)
	}
	return nil
}

// keepBook writes the book some seconds after a peer was met, and at the end.
func (h *Host) keepBook() {
	h.host.Network().Notify(&network.NotifyBundle{
		ConnectedF: func(network.Network, network.Conn) { h.book.dirty.Store(true) },
	})
	h.stop = append(h.stop, h.noteBook)
	h.tasks.Go(func(ctx context.Context) {
		tick := time.NewTicker(bookInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := h.noteBook(); err != nil {
					h.log.Warn("cannot remember peers", "error", err)
				}
			}
		}
	})
}

// noteBook writes down who is connected, if somebody new was met.
func (h *Host) noteBook() error {
	if !h.book.dirty.Swap(false) {
		return nil
	}
	var now []remembered
	for _, id := range h.host.Network().Peers() {
		p, err := FromLibp2p(id)
		if err != nil {
			continue
		}
		r := remembered{Peer: p}
		for _, a := range h.host.Peerstore().Addrs(id) {
			if len(r.Addresses) < bookAddressesMax {
				r.Addresses = append(r.Addresses, a.String())
			}
		}
		now = append(now, r)
	}
	h.book.meet(now)
	return h.book.save()
}
