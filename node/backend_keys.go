package node

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
)

func now() int64 { return time.Now().UnixMilli() }

// Export implements api.Backend.
func (b backend) Export(_ context.Context, r api.ExportRequest) (api.SealedKeys, error) {
	if r.Passphrase == "" {
		return api.SealedKeys{}, errs.New("export keys", "", errs.Usage, errors.New("an empty passphrase protects nothing"))
	}
	b.volumes.mu.Lock()
	defer b.volumes.mu.Unlock()
	sealed, err := b.volumes.ring.Seal(rand.Reader, []byte(r.Passphrase))
	return api.SealedKeys{Keys: sealed}, errs.Wrap("export keys", "", err)
}

// Import implements api.Backend.
func (b backend) Import(_ context.Context, r api.ImportRequest, body io.Reader) (api.Imported, error) {
	sealed, err := io.ReadAll(io.LimitReader(body, api.SealedKeysBytesMax+1))
	if err != nil {
		return api.Imported{}, err
	}
	if len(sealed) > api.SealedKeysBytesMax {
		return api.Imported{}, errs.Newf("import keys", "", errs.Usage, "a file of keys has at most %d bytes", api.SealedKeysBytesMax)
	}
	keys, err := envelope.OpenKeyring(sealed, []byte(r.Passphrase))
	switch {
	case errors.Is(err, envelope.ErrPassphrase):
		return api.Imported{}, errs.New("import keys", "", errs.Refused, err)
	case errors.Is(err, envelope.ErrRelease):
		return api.Imported{}, errs.New("import keys", "", errs.Refused, err)
	case err != nil:
		return api.Imported{}, errs.New("import keys", "", errs.Damaged, err)
	}
	done := api.Imported{Author: keys.Author().Public().String(), Volumes: []string{}}
	err = b.volumes.change(func(k *envelope.Keyring) error {
		fresh, err := k.Merge(keys)
		done.Volumes = append(done.Volumes, fresh...)
		return err
	})
	return done, err
}

// author signs for the peer's user, who may come with an import.
type author struct{ *volumes }

func (a author) Public() wire.PublicKey { return a.author().Public() }

func (a author) Sign(t wire.Tag, body []byte) wire.Signature { return a.author().Sign(t, body) }
