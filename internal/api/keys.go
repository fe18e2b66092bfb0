package api

import (
	"context"
	"io"
)

// SealedKeysBytesMax bounds the user's keys as a sealed file, in bytes.
const SealedKeysBytesMax = 32 << 20

// KeyKeeper moves a user's keys between peers.
type KeyKeeper interface {
	// Export returns the user's keys, volumes and petnames, sealed with a
	// passphrase. An empty one is errs.Usage.
	Export(ctx context.Context, r ExportRequest) (SealedKeys, error)
	// Import makes this peer serve the user whose sealed keys body holds. A peer
	// that serves another one already is errs.Conflict, a wrong passphrase
	// errs.Refused, a damaged file errs.Damaged.
	Import(ctx context.Context, r ImportRequest, body io.Reader) (Imported, error)
}

// ExportRequest asks for sealed keys.
type ExportRequest struct {
	Passphrase string `json:"passphrase"`
}

// SealedKeys are a user's keys, which a passphrase opens.
type SealedKeys struct {
	Keys []byte `json:"keys"`
}

// ImportRequest brings sealed keys.
type ImportRequest struct {
	Passphrase string `json:"passphrase"`
}

// Imported says what an import brought.
type Imported struct {
	Author  string   `json:"author"`
	Volumes []string `json:"volumes"` // petnames that were not here before
}
