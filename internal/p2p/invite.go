package p2p

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	invitePrefix       = "atoll-join:"
	inviteFormat       = 1
	inviteChecksum     = 4    // bytes
	inviteAddressesMax = 16   // addresses of one invitation
	inviteBytesMax     = 2048 // encoded invitation, without its checksum

	contextInvite wire.Context = "atoll/v1/invite"
)

// ErrInvite is returned for a text that is neither an invitation nor the
// multiaddress of a peer.
var ErrInvite = errors.New("not an invitation")

// Invite names a peer and how to reach it. It holds no secret.
type Invite struct {
	Peer      wire.PeerID
	Addresses []string // multiaddresses, without the peer ID
}

type inviteBody struct {
	_         struct{} `cbor:",toarray"`
	Format    uint64
	Peer      wire.PeerID
	Addresses [][]byte // binary multiaddresses
}

// EncodeInvite returns the text that a person passes on so that another peer
// can join through this one: "atoll-join:…". Addresses may end in the peer ID,
// as those of Host.Addresses do; the most that an invitation holds is 16.
func EncodeInvite(p wire.PeerID, addrs []string) (string, error) {
	body := inviteBody{Format: inviteFormat, Peer: p}
	for _, t := range addrs[:min(len(addrs), inviteAddressesMax)] {
		a, err := ma.NewMultiaddr(strings.TrimSuffix(t, "/p2p/"+p.String()))
		if err != nil {
			return "", fmt.Errorf("p2p: address %q: %w", t, err)
		}
		body.Addresses = append(body.Addresses, a.Bytes())
	}
	b := wire.Marshal(body)
	if len(b) > inviteBytesMax {
		return "", fmt.Errorf("%w: addresses of %d bytes, limit %d", ErrInvite, len(b), inviteBytesMax)
	}
	return invitePrefix + wire.EncodeText(append(b, checksum(b)...)), nil
}

// ParseInvite parses an invitation, or a multiaddress that ends in /p2p/PEER.
// A mistyped invitation is told from a good one by its checksum.
func ParseInvite(text string) (Invite, error) {
	coded, ok := strings.CutPrefix(text, invitePrefix)
	if !ok {
		return parsePeerAddress(text)
	}
	b := make([]byte, len(coded)*5/8)
	if len(b) > inviteBytesMax+inviteChecksum || len(b) < inviteChecksum || wire.DecodeText(b, coded) != nil {
		return Invite{}, fmt.Errorf("%w: damaged or incomplete", ErrInvite)
	}
	b, sum := b[:len(b)-inviteChecksum], b[len(b)-inviteChecksum:]
	if !bytes.Equal(sum, checksum(b)) {
		return Invite{}, fmt.Errorf("%w: its checksum is wrong, so a character is", ErrInvite)
	}
	var body inviteBody
	if err := wire.Unmarshal(b, &body, inviteBytesMax); err != nil {
		return Invite{}, fmt.Errorf("%w: %w", ErrInvite, err)
	}
	i, err := body.invite()
	if err != nil {
		return Invite{}, err
	}
	// Multiaddresses have more than one binary form; an invitation has one.
	if again, err := EncodeInvite(i.Peer, i.Addresses); err != nil || again != text {
		return Invite{}, fmt.Errorf("%w: not its shortest form", ErrInvite)
	}
	return i, nil
}

func (b inviteBody) invite() (Invite, error) {
	if b.Format != inviteFormat || len(b.Addresses) > inviteAddressesMax {
		return Invite{}, fmt.Errorf("%w: format %d with %d addresses", ErrInvite, b.Format, len(b.Addresses))
	}
	i := Invite{Peer: b.Peer}
	for _, raw := range b.Addresses {
		a, err := ma.NewMultiaddrBytes(raw)
		if err != nil {
			return Invite{}, fmt.Errorf("%w: %w", ErrInvite, err)
		}
		i.Addresses = append(i.Addresses, a.String())
	}
	return i, nil
}

func parsePeerAddress(text string) (Invite, error) {
	info, err := peer.AddrInfoFromString(text)
	if err != nil {
		return Invite{}, fmt.Errorf("%w: %q is neither %s… nor a multiaddress ending in /p2p/PEER", ErrInvite, text, invitePrefix)
	}
	p, err := FromLibp2p(info.ID)
	if err != nil {
		return Invite{}, fmt.Errorf("%w: %w", ErrInvite, err)
	}
	i := Invite{Peer: p}
	for _, a := range info.Addrs {
		i.Addresses = append(i.Addresses, a.String())
	}
	return i, nil
}

func checksum(body []byte) []byte {
	sum := wire.Derive(contextInvite, body)
	return sum[:inviteChecksum]
}
