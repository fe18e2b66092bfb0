package naming

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	// Suffix is the domain of self-certifying names. The top-level domain alt
	// is reserved for names outside the DNS (RFC 9476).
	Suffix = "atoll.alt."
	// KeyFlags says that a key is a zone's and begins its chain of trust: zone
	// key and secure entry point (RFC 4034 section 2.1.1).
	KeyFlags = 257
	// KeyTTL is the time to live of a zone's own key, in seconds.
	KeyTTL = 3600
)

// Digest is a zone as its parent names it: the SHA-256 digest of a DS record
// (RFC 4509), over the zone's name and its key.
type Digest [sha256.Size]byte

// ErrName is returned for what is no domain name.
var ErrName = errors.New("no domain name")

// Canonical returns a name in its one text form: lower case, with a final dot.
// It fails with ErrName if that is none.
func Canonical(name string) (string, error) {
	if _, ok := dns.IsDomainName(name); !ok || name == "" {
		return "", fmt.Errorf("%w: %.80q", ErrName, name)
	}
	b, err := Pack(name)
	if err != nil {
		return "", err
	}
	return Unpack(b)
}

// Pack returns the wire form of a name (RFC 1035 section 3.1), in lower case and
// uncompressed.
func Pack(name string) ([]byte, error) {
	b := make([]byte, 255)
	n, err := dns.PackDomainName(dns.Fqdn(name), b, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("%w: %.80q", ErrName, name)
	}
	lower(b[:n])
	return b[:n], nil
}

// lower brings the letters of a name's wire form to lower case. Lengths of
// labels are at most 63, below the letters.
func lower(b []byte) {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
}

// Unpack returns the text form of a name that Pack has written, and refuses any
// other bytes.
func Unpack(b []byte) (string, error) {
	name, n, err := dns.UnpackDomainName(b, 0)
	if err != nil || n != len(b) {
		return "", fmt.Errorf("%w: %x", ErrName, b[:min(len(b), 80)])
	}
	again, err := Pack(name)
	if err != nil || string(again) != string(b) {
		return "", fmt.Errorf("%w: %x is not in its one form", ErrName, b)
	}
	return name, nil
}

// DNSKEY returns a zone's key as a record of the zone.
func DNSKEY(origin string, key wire.PublicKey) *dns.DNSKEY {
	return &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: origin, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: KeyTTL},
		Flags: KeyFlags, Protocol: 3, Algorithm: dns.ED25519, PublicKey: base64.StdEncoding.EncodeToString(key[:]),
	}
}

// DS returns what a parent says of a zone.
func DS(origin string, key wire.PublicKey) *dns.DS {
	return DNSKEY(origin, key).ToDS(dns.SHA256)
}

// DigestOf returns the digest of a zone. The origin is canonical.
func DigestOf(origin string, key wire.PublicKey) Digest {
	h := sha256.New()
	name, err := Pack(origin)
	if err != nil {
		panic(fmt.Sprintf("naming: digest of %.80q: %v", origin, err))
	}
	h.Write(name)
	h.Write([]byte{KeyFlags >> 8, KeyFlags & 0xff, 3, dns.ED25519})
	h.Write(key[:])
	return Digest(h.Sum(nil))
}

// DigestsOf returns the zones that DS records name, as far as they can be zones
// of Atoll's, at most DigestsMax of them.
func DigestsOf(set []dns.RR) (digests []Digest) {
	for _, rr := range set {
		ds, ok := rr.(*dns.DS)
		if !ok || ds.Algorithm != dns.ED25519 || ds.DigestType != dns.SHA256 {
			continue
		}
		b, err := hex.DecodeString(ds.Digest)
		if err == nil && len(b) == len(Digest{}) && len(digests) < DigestsMax {
			digests = append(digests, Digest(b))
		}
	}
	return digests
}

// DigestsMax is how many keys of one zone a resolver tries: the present one, the
// next one, and some to spare.
const DigestsMax = 4

// SelfName returns the self-certifying name of a zone.
func SelfName(key wire.PublicKey) string { return key.String() + "." + Suffix }

// SelfKey returns the key that a self-certifying name holds, and the part of the
// name that is the zone's own. It reports false for other names. The name is
// canonical.
func SelfKey(name string) (origin string, key wire.PublicKey, ok bool) {
	rest, ok := strings.CutSuffix(name, "."+Suffix)
	if !ok {
		return "", key, false
	}
	label := rest[strings.LastIndexByte(rest, '.')+1:]
	key, err := wire.ParsePublicKey(label)
	return label + "." + Suffix, key, err == nil
}

// NameID returns the DHT's identifier of the record sets of a name in a zone.
func NameID(zone Digest, owner []byte) wire.RecordID {
	return wire.RecordID(wire.Derive("atoll/v1/dns-name", zone[:], owner))
}

// DenialID returns the DHT's identifier of a page of a zone's denials: that of
// hashes whose first bits are those of prefix.
func DenialID(zone Digest, bits uint8, prefix uint32) wire.RecordID {
	return wire.RecordID(wire.Derive("atoll/v1/dns-denial", zone[:], []byte{bits}, wire.Uint64(uint64(prefix))))
}
