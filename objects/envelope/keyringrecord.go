package envelope

import (
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// The forms of a keyring's plaintext. One without retention is written as
// before there was any, so that earlier releases read it.
const (
	keyringFormat         = 1
	keyringFormatRetained = 2
)

type (
	keyringRecord struct {
		_       struct{} `cbor:",toarray"`
		Format  uint64
		Author  [keySize]byte
		Volumes []volumeRecord
	}
	retainedRecord struct {
		_         struct{} `cbor:",toarray"`
		Format    uint64
		Author    [keySize]byte
		Volumes   []volumeRecord
		Retention []retentionRecord // by volume, ascending
	}
	volumeRecord struct {
		_                struct{} `cbor:",toarray"`
		Petname          string
		Object           wire.ObjectID
		Root             wire.NodeID
		RootKey          NodeKey
		Genesis          []byte
		CreatedUnixMilli int64
	}
	retentionRecord struct {
		_         struct{} `cbor:",toarray"`
		Volume    uint64   // its index
		Retention Retention
	}
)

func (k *Keyring) encode() []byte {
	r := retainedRecord{Format: keyringFormatRetained, Author: k.author}
	for i, v := range k.volumes {
		r.Volumes = append(r.Volumes, volumeRecord{
			Petname: v.Petname, Object: v.Object, Root: v.Root, RootKey: v.RootKey,
			Genesis: v.Genesis, CreatedUnixMilli: v.CreatedUnixMilli,
		})
		if !v.Retention.IsEmpty() {
			r.Retention = append(r.Retention, retentionRecord{Volume: uint64(i), Retention: v.Retention})
		}
	}
	if len(r.Retention) == 0 {
		return wire.Marshal(keyringRecord{Format: keyringFormat, Author: r.Author, Volumes: r.Volumes})
	}
	return wire.Marshal(r)
}

func parseKeyring(b []byte) (*Keyring, error) {
	r, err := parseKeyringRecord(b)
	if err != nil {
		return nil, err
	}
	retention, err := r.retention()
	if err != nil {
		return nil, err
	}
	k := &Keyring{author: r.Author}
	for i, v := range r.Volumes {
		err := k.Add(Volume{
			Petname: v.Petname, Object: v.Object, Root: v.Root, RootKey: v.RootKey,
			Genesis: v.Genesis, CreatedUnixMilli: v.CreatedUnixMilli, Retention: retention[i],
		})
		if err != nil {
			return nil, err
		}
	}
	return k, nil
}

// parseKeyringRecord reads either form.
func parseKeyringRecord(b []byte) (r retainedRecord, err error) {
	if wire.Unmarshal(b, &r, keyringPlainMax) == nil && r.Format == keyringFormatRetained {
		return r, nil
	}
	var plain keyringRecord
	if err := wire.Unmarshal(b, &plain, keyringPlainMax); err != nil {
		return r, err
	}
	if plain.Format != keyringFormat {
		return r, fmt.Errorf("keyring of format %d", plain.Format)
	}
	return retainedRecord{Author: plain.Author, Volumes: plain.Volumes}, nil
}

// retention returns what is kept of each volume.
func (r *retainedRecord) retention() ([]Retention, error) {
	all := make([]Retention, len(r.Volumes))
	next := uint64(0)
	for _, t := range r.Retention {
		if t.Volume < next || t.Volume >= uint64(len(all)) || t.Retention.IsEmpty() {
			return nil, fmt.Errorf("retention of volume %d out of order", t.Volume)
		}
		all[t.Volume], next = t.Retention, t.Volume+1
	}
	if r.Format == keyringFormatRetained && len(r.Retention) == 0 {
		return nil, fmt.Errorf("keyring of format %d without retention", r.Format)
	}
	return all, nil
}
