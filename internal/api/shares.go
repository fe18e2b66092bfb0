package api

import "context"

// Sharer says who may read and write a part of a volume, and names volumes.
type Sharer interface {
	// Share returns a reference to exactly what Ref names, and with Write lets
	// somebody write there. Only an owner can let in: errs.Refused.
	Share(ctx context.Context, r ShareRequest) (PutResult, error)
	// Revoke takes a right to write away, or gives an entry fresh keys, so that
	// its references end. Only an owner can: errs.Refused.
	Revoke(ctx context.Context, r RevokeRequest) (PutResult, error)
	// Writers lists who may write the volume that Ref names.
	Writers(ctx context.Context, r ReadRequest) ([]Writer, error)

	// Volumes lists the volumes that have a petname here.
	Volumes(ctx context.Context) ([]Volume, error)
	// AddVolume gives what a reference names a petname. One that is taken is
	// errs.Conflict.
	AddVolume(ctx context.Context, r AddVolumeRequest) (Volume, error)
	// ChangeVolume gives a volume another petname, or with an empty one forgets
	// it; its answer holds the reference that finds it again. To forget one's own
	// without Force is errs.Conflict.
	ChangeVolume(ctx context.Context, r ChangeVolumeRequest) (Volume, error)
}

// ShareRequest asks for a reference.
type ShareRequest struct {
	Ref   string `json:"ref"`
	Write string `json:"write,omitempty"` // the key of somebody who may write there too
	Until State  `json:"until,omitempty"`
}

// RevokeRequest asks to end what was shared.
type RevokeRequest struct {
	Ref   string `json:"ref"`
	Write string `json:"write,omitempty"` // the key that may not write any more; empty: renew the keys of Ref
	Until State  `json:"until,omitempty"`
}

// Writer is somebody who may write.
type Writer struct {
	Key   string `json:"key"`
	Owner bool   `json:"owner,omitempty"`
	// Path is where he may write, in and below it; empty if that cannot be seen
	// from the reference.
	Path Path `json:"path,omitempty"`
}

// AddVolumeRequest asks for a petname.
type AddVolumeRequest struct {
	Petname string `json:"petname"`
	Ref     string `json:"ref"` // a reference to a directory
}

// ChangeVolumeRequest asks to rename or to forget a petname.
type ChangeVolumeRequest struct {
	Petname string `json:"petname"`
	To      string `json:"to,omitempty"` // empty: forget it
	Force   bool   `json:"force,omitempty"`
}
