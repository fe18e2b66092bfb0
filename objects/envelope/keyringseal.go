package envelope

import (
	"bytes"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"

	"github.com/atollnet/atoll/internal/wire"
)

// contextKeyring is of the checksum that tells damage from a wrong passphrase.
const contextKeyring wire.Context = "atoll/v1/keyring-file"

// cost is how dear Argon2id makes each guess at the passphrase. It stands in
// the file, so that it can be raised; what a file may ask for is bounded, as a
// keyring may come from elsewhere.
type cost struct {
	_         struct{} `cbor:",toarray"`
	Passes    uint32
	MemoryKiB uint32
	Lanes     uint8
}

var (
	// costMax bounds what opening a file may take: a few seconds and 1 GiB.
	costMax = cost{Passes: 16, MemoryKiB: 1 << 20, Lanes: 16}
	// costPassphrase is the second choice of RFC 9106 section 4: 64 MiB.
	costPassphrase = cost{Passes: 3, MemoryKiB: 64 << 10, Lanes: 4}
	// costNone is for the empty passphrase. No price protects what everybody
	// can guess, and a peer that starts unattended should not pay it.
	costNone = cost{Passes: 1, MemoryKiB: 8, Lanes: 1}
)

func costOf(passphrase []byte) cost {
	if len(passphrase) == 0 {
		return costNone
	}
	return costPassphrase
}

func (c cost) check() error {
	if c.Passes == 0 || c.Lanes == 0 || c.MemoryKiB < 8*uint32(c.Lanes) ||
		c.Passes > costMax.Passes || c.MemoryKiB > costMax.MemoryKiB || c.Lanes > costMax.Lanes {
		return fmt.Errorf("Argon2id with %d passes over %d KiB in %d lanes", c.Passes, c.MemoryKiB, c.Lanes)
	}
	return nil
}

func (c cost) key(passphrase []byte, salt [16]byte) (key [keySize]byte) {
	copy(key[:], argon2.IDKey(passphrase, salt[:], c.Passes, c.MemoryKiB, c.Lanes, keySize))
	return key
}

// keyringLine begins the file. It says to a person what it is, and to another
// release which format follows.
const (
	keyringMagic = "atoll keyring "
	keyringLine  = keyringMagic + "1\n"
)

// keyringHeader is, behind keyringLine, the additional data of the sealed part.
type keyringHeader struct {
	_    struct{} `cbor:",toarray"`
	Cost cost
	Salt [16]byte
}

func (h keyringHeader) data() []byte { return append([]byte(keyringLine), wire.Marshal(h)...) }

type keyringBody struct {
	_      struct{} `cbor:",toarray"`
	Header keyringHeader
	Sealed []byte
}

// Seal returns the keyring sealed under the passphrase, in a form that is safe
// to keep and to copy as far as the passphrase is hard to guess. The empty
// passphrase is allowed: then whoever can read the bytes has the keys, and
// the permissions of the file are all the protection there is.
func (k *Keyring) Seal(random io.Reader, passphrase []byte) ([]byte, error) {
	return k.seal(random, passphrase, costOf(passphrase))
}

func (k *Keyring) seal(random io.Reader, passphrase []byte, c cost) ([]byte, error) {
	h := keyringHeader{Cost: c}
	// A fresh salt gives a fresh key, and with it a fresh random nonce.
	if _, err := io.ReadFull(random, h.Salt[:]); err != nil {
		return nil, fmt.Errorf("draw salt: %w", err)
	}
	sealed, err := sealRandom(random, c.key(passphrase, h.Salt), k.encode(), h.data())
	if err != nil {
		return nil, err
	}
	file := append([]byte(keyringLine), wire.Marshal(keyringBody{Header: h, Sealed: sealed})...)
	check := wire.Derive(contextKeyring, file)
	return append(file, check[:]...), nil
}

// OpenKeyring opens what Seal returned. The error matches ErrPassphrase if the
// bytes are whole but do not open, ErrRelease if another release wrote them,
// ErrKeyring if they are no keyring, were changed, or ask for more than this
// release would spend on opening them.
func OpenKeyring(sealed, passphrase []byte) (*Keyring, error) {
	body, err := parseKeyringBody(sealed)
	if err != nil {
		return nil, err
	}
	h := body.Header
	plain, _, err := unseal(h.Cost.key(passphrase, h.Salt), body.Sealed, h.data())
	if err != nil {
		return nil, ErrPassphrase
	}
	k, err := parseKeyring(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyring, err)
	}
	return k, nil
}

func parseKeyringBody(file []byte) (body keyringBody, err error) {
	rest, found := bytes.CutPrefix(file, []byte(keyringLine))
	if !found {
		if bytes.HasPrefix(file, []byte(keyringMagic)) {
			return body, ErrRelease
		}
		return body, fmt.Errorf("%w: it does not begin as one", ErrKeyring)
	}
	if len(rest) < keyringCheckBytes {
		return body, fmt.Errorf("%w: it is cut short", ErrKeyring)
	}
	sum := wire.Derive(contextKeyring, file[:len(file)-keyringCheckBytes])
	record, isWhole := bytes.CutSuffix(rest, sum[:])
	if !isWhole {
		return body, fmt.Errorf("%w: its checksum does not match", ErrKeyring)
	}
	if err = wire.Unmarshal(record, &body, KeyringBytesMax); err == nil {
		err = body.Header.Cost.check()
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrKeyring, err)
	}
	return body, err
}
