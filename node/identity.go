package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/atollnet/atoll/internal/durable"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// loadPeerKey returns the key that this peer is known by, and makes one at the
// first start. The file holds the seed in text form. It is not sealed: it
// protects no content, and a volunteer's machine must come up unattended.
func loadPeerKey(dir string) (wire.Key, error) {
	path := filepath.Join(dir, "peer.key")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makePeerKey(path)
	}
	if err != nil {
		return wire.Key{}, errs.Wrap("read peer key", path, err)
	}
	var seed [32]byte
	if err := wire.DecodeText(seed[:], strings.TrimSpace(string(b))); err != nil {
		return wire.Key{}, errs.Hint(errs.New("read peer key", path, errs.Damaged, err),
			"restore the file from a backup, or remove it to join as a new peer (others then look for this peer's shares in vain)")
	}
	return wire.NewKey(seed), nil
}

func makePeerKey(path string) (wire.Key, error) {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return wire.Key{}, errs.Wrap("make peer key", path, err)
	}
	if err := durable.WriteFile(path, fmt.Appendln(nil, wire.EncodeText(seed[:])), 0o600); err != nil {
		return wire.Key{}, errs.Wrap("make peer key", path, err)
	}
	return wire.NewKey(seed), nil
}
