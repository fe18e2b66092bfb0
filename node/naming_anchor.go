package node

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/owner"
	"github.com/atollnet/atoll/naming/resolver"
)

// NameAnchors implements api.Names.
func (b backend) NameAnchors(ctx context.Context, r api.NameListRequest) (api.NameAnchors, error) {
	if r.Zone == "" {
		out := api.NameAnchors{Anchors: []string{}, DS: []string{}}
		addAnchor(&out, naming.Suffix, b.names.alt)
		for _, root := range b.rootsNow() {
			b.addRoot(ctx, &out, root)
		}
		return out, nil
	}
	if name, err := naming.Canonical(r.Zone); err == nil {
		if origin, key, ok := naming.SelfKey(name); ok {
			out := api.NameAnchors{Anchors: []string{}, DS: []string{}}
			addAnchor(&out, origin, key)
			return out, nil
		}
	}
	label, _, err := b.names.owner.Find(r.Zone)
	if err != nil {
		return api.NameAnchors{}, err
	}
	z, err := b.names.owner.Zone(label)
	return anchorsOf(z), err
}

// anchorsOf returns the anchors of all names of a zone.
func anchorsOf(z owner.Zone) (out api.NameAnchors) {
	addAnchor(&out, z.Self(), z.Keys[0].Public)
	for _, at := range z.Origins {
		for _, k := range z.LiveKeys() {
			addAnchor(&out, at.Name, k.Public)
		}
	}
	return out
}

func addAnchor(out *api.NameAnchors, origin string, key wire.PublicKey) {
	k := naming.DNSKEY(origin, key)
	out.DS = append(out.DS, oneSpace(naming.DS(origin, key).String()))
	out.Anchors = append(out.Anchors, fmt.Sprintf("%q static-key %d %d %d %q;", origin, k.Flags, k.Protocol, k.Algorithm, k.PublicKey))
}

// addRoot adds the keys of a root, which its own zone tells, as far as the
// configuration names them. A root that cannot be reached has none to tell.
func (b backend) addRoot(ctx context.Context, out *api.NameAnchors, root resolver.Root) {
	for _, rr := range b.names.resolver.Resolve(ctx, root.Suffix, dns.TypeDNSKEY).Answer {
		k, ok := rr.(*dns.DNSKEY)
		if !ok {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(k.PublicKey)
		if err != nil || len(raw) != len(wire.PublicKey{}) {
			continue
		}
		if key := wire.PublicKey(raw); slices.Contains(root.Digests, naming.DigestOf(root.Suffix, key)) {
			addAnchor(out, root.Suffix, key)
		}
	}
}

func oneSpace(text string) string { return strings.Join(strings.Fields(text), " ") }
