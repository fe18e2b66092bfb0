package record

import (
	"encoding/base32"
	"encoding/base64"
	"fmt"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
)

// hashText is how NSEC3 writes hashes (RFC 5155 section 3.3).
var hashText = base32.HexEncoding.WithPadding(base32.NoPadding)

// RRs returns the records of a set, as records of owner.
func (s *Set) RRs(owner string) ([]dns.RR, error) {
	rrs := make([]dns.RR, 0, len(s.Data))
	for _, data := range s.Data {
		rr, err := unpackData(owner, s.Type, s.TTL, data)
		if err != nil {
			return nil, err
		}
		rrs = append(rrs, rr)
	}
	return rrs, nil
}

func unpackData(owner string, t uint16, ttl uint32, data []byte) (dns.RR, error) {
	h := dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: ttl, Rdlength: uint16(len(data))}
	rr, n, err := dns.UnpackRRWithHeader(h, data, 0)
	if err != nil || n != len(data) {
		return nil, fmt.Errorf("%w: a record of type %d does not parse", ErrRecord, t)
	}
	return rr, nil
}

// RRSIG returns the signature of a set. The labels are those of the owner in the
// record, so that it also signs what a wildcard stands for.
func (z *Zone) RRSIG(s *Set, owner, recordOwner string) *dns.RRSIG {
	labels := dns.CountLabel(recordOwner)
	if len(recordOwner) > 1 && recordOwner[:2] == "*." {
		labels--
	}
	return z.rrsig(owner, s.Type, s.TTL, labels, s.Signature)
}

func (z *Zone) rrsig(owner string, t uint16, ttl uint32, labels int, signature []byte) *dns.RRSIG {
	origin, err := naming.Unpack(z.Origin)
	if err != nil {
		panic("record: an unchecked zone") // check has seen it
	}
	return &dns.RRSIG{
		Hdr:         dns.RR_Header{Name: owner, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: ttl},
		TypeCovered: t, Algorithm: dns.ED25519, Labels: uint8(labels), OrigTtl: ttl,
		Expiration: z.Expiration, Inception: z.Inception,
		KeyTag: naming.DNSKEY(origin, z.Key).KeyTag(), SignerName: origin,
		Signature: base64.StdEncoding.EncodeToString(signature),
	}
}

// NSEC3 returns the record that a link stands for, and its signature.
func (z *Zone) NSEC3(l *Link) (*dns.NSEC3, *dns.RRSIG, error) {
	n, err := z.unsignedNSEC3(l)
	if err != nil {
		return nil, nil, err
	}
	return n, z.rrsig(n.Hdr.Name, dns.TypeNSEC3, z.NegativeTTL, dns.CountLabel(n.Hdr.Name), l.Signature[:]), nil
}

func (z *Zone) unsignedNSEC3(l *Link) (*dns.NSEC3, error) {
	origin, err := naming.Unpack(z.Origin)
	if err != nil {
		return nil, err
	}
	owner := lowerText(hashText.EncodeToString(l.Hash[:])) + "." + origin
	if origin == "." {
		owner = lowerText(hashText.EncodeToString(l.Hash[:])) + "."
	}
	data := append([]byte{dns.SHA1, 0, 0, 0, 0, byte(len(l.Next))}, l.Next[:]...)
	rr, err := unpackData(owner, dns.TypeNSEC3, z.NegativeTTL, append(data, l.Types...))
	if err != nil {
		return nil, err
	}
	n, ok := rr.(*dns.NSEC3)
	if !ok {
		return nil, ErrRecord
	}
	return n, nil
}

func lowerText(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// VerifySets checks the RRSIG of every signed set and of the link: at most one
// signature each, all by one key, so that the work is bounded by the record's
// size.
func (n *Name) VerifySets() error {
	owner, err := naming.Unpack(n.Owner)
	if err != nil {
		return err
	}
	key := n.Zone.dnskey()
	for i := range n.Sets {
		s := &n.Sets[i]
		rrs, err := s.RRs(owner)
		if err != nil {
			return err
		}
		if len(s.Signature) == 0 {
			if s.Type == dns.TypeNS && n.Set(dns.TypeSOA) == nil {
				continue
			}
			return fmt.Errorf("%w: its set of type %d is not signed", ErrRecord, s.Type)
		}
		if err := n.Zone.RRSIG(s, owner, owner).Verify(key, rrs); err != nil {
			return fmt.Errorf("%w: its set of type %d: %w", ErrRecord, s.Type, err)
		}
	}
	for i := range n.Link {
		if err := n.Zone.verifyLink(&n.Link[i], key); err != nil {
			return err
		}
	}
	return nil
}

// VerifyLink checks the RRSIG of a link.
func (z *Zone) VerifyLink(l *Link) error { return z.verifyLink(l, z.dnskey()) }

func (z *Zone) verifyLink(l *Link, key *dns.DNSKEY) error {
	n, sig, err := z.NSEC3(l)
	if err != nil {
		return err
	}
	if err := sig.Verify(key, []dns.RR{n}); err != nil {
		return fmt.Errorf("%w: an NSEC3: %w", ErrRecord, err)
	}
	return nil
}

func (z *Zone) dnskey() *dns.DNSKEY {
	origin, err := naming.Unpack(z.Origin)
	if err != nil {
		panic("record: an unchecked zone") // check has seen it
	}
	return naming.DNSKEY(origin, z.Key)
}

// Data returns a record's data in wire form, names in it uncompressed and in
// lower case where RFC 4034 section 6.2 wants them so.
func Data(rr dns.RR) ([]byte, error) {
	b := make([]byte, dns.Len(rr)) // no more: a zone has many
	n, err := dns.PackRR(rr, b, 0, nil, false)
	if err != nil { // the length is an estimate
		b = make([]byte, dns.MaxMsgSize)
		n, err = dns.PackRR(rr, b, 0, nil, false)
	}
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", rr.Header().Name, err)
	}
	h := rr.Header()
	owner, err := naming.Pack(h.Name)
	if err != nil {
		return nil, err
	}
	data := b[len(owner)+10 : n]
	return append([]byte(nil), data...), nil
}

// SignSet signs a set whose records are those given.
func (z *Zone) SignSet(s *Set, owner string, rrs []dns.RR, sign Signer) error {
	sig := z.RRSIG(s, owner, owner)
	if err := sig.Sign(sign, rrs); err != nil {
		return fmt.Errorf("sign %s %s: %w", owner, dns.TypeToString[s.Type], err)
	}
	b, err := base64.StdEncoding.DecodeString(sig.Signature)
	s.Signature = b
	return err
}

// SignLink signs a link.
func (z *Zone) SignLink(l *Link, sign Signer) error {
	n, sig, err := z.NSEC3(l)
	if err != nil {
		return err
	}
	if err := sig.Sign(sign, []dns.RR{n}); err != nil {
		return fmt.Errorf("sign NSEC3: %w", err)
	}
	b, err := base64.StdEncoding.DecodeString(sig.Signature)
	if err == nil && len(b) == len(wire.Signature{}) {
		l.Signature = wire.Signature(b)
	}
	return err
}
