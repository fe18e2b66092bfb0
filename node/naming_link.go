package node

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming/owner"
	"github.com/atollnet/atoll/naming/zone"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/envelope"
)

// A name points to data by a TXT record under _atoll.NAME: `atoll=` and the
// object's id, or a whole reference without its scheme.
const (
	linkLabel  = "_atoll"
	linkPrefix = "atoll="
)

// link points a name at data. With Public the reference goes into the record, key
// and all; otherwise the object's id alone, and what else the user's own peer
// needs stays here.
func (b backend) link(ctx context.Context, label, at string, r api.NameChangeRequest) error {
	if len(r.Data) != 1 {
		return errNames("link", r.Name, "name one thing that the name is to stand for")
	}
	t, p, err := b.place(ctx, r.Data[0], false)
	if err != nil {
		return err
	}
	if !t.Version.IsNewest() {
		return errNames("link", r.Name, "a name follows the newest version")
	}
	text := p.Object.String()
	if r.Public {
		shared, err := b.Share(ctx, api.ShareRequest{Ref: r.Data[0], Until: api.Ordered})
		if err != nil {
			return err
		}
		text = strings.TrimPrefix(shared.Reference, "atoll:")
	}
	link := linkLabel + "." + at
	if at == zone.Apex {
		link = linkLabel
	}
	fresh, err := newEntries(link, r.TTL, "TXT", []string{quoteTXT(linkPrefix + text)})
	if err != nil {
		return err
	}
	if err := b.names.owner.Edit(label, link, place(fresh, true)); err != nil {
		return err
	}
	if t.Kind != envelope.TargetPetname {
		return b.names.owner.Remember(label, at, "")
	}
	return b.names.owner.Remember(label, at, t.String())
}

// quoteTXT writes text as the data of a TXT record, in strings of at most 255
// bytes.
func quoteTXT(text string) string {
	var parts []string
	for len(text) > 0 {
		n := min(len(text), 255)
		parts = append(parts, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text[:n])+`"`)
		text = text[n:]
	}
	return strings.Join(parts, " ")
}

// placeName finds what a name stands for.
func (n *Node) placeName(ctx context.Context, t envelope.Target, create bool) (envelope.Target, objects.Place, error) {
	ref, err := n.named(ctx, t.Name)
	if err != nil {
		return t, objects.Place{}, err
	}
	base, p, err := n.place(ctx, ref, create)
	if err != nil {
		return t, objects.Place{}, errs.Wrap("resolve name", t.Name, err)
	}
	t.Path = strings.Trim(base.Path+"/"+t.Path, "/")
	return t, p, nil
}

// named returns the REF that a name stands for: what this peer itself remembers
// of its own links, else what the record says.
func (n *Node) named(ctx context.Context, name string) (string, error) {
	if label, at, err := n.names.owner.Find(name); err == nil {
		if ref := n.names.owner.Recall(label, at); ref != "" {
			return ref, nil
		}
	}
	full, err := n.fullName(name)
	if err != nil {
		return "", err
	}
	a := n.names.resolver.Resolve(ctx, linkLabel+"."+full, dns.TypeTXT).Checked()
	if a.Rcode == dns.RcodeServerFailure || a.Rcode == dns.RcodeRefused {
		why := dns.RcodeToString[a.Rcode]
		if a.Extra != nil {
			why = a.Extra.Text
		}
		return "", errs.New("resolve name", name, errs.NotFound, errors.New(why))
	}
	for _, rr := range a.Answer {
		if txt, ok := rr.(*dns.TXT); ok {
			if text, ok := strings.CutPrefix(unescapeTXT(txt.Txt), linkPrefix); ok {
				return n.linked(name, text, a.Secure)
			}
		}
	}
	return "", errs.Hint(errs.New("resolve name", name, errs.NotFound, errors.New("the name stands for no data")),
		"peerctl name link NAME REF makes it so; peerctl name resolve %s says what it is", name)
}

// unescapeTXT joins the strings of a TXT record. The library keeps odd bytes
// escaped; links have none but in paths, which are percent-encoded.
func unescapeTXT(parts []string) string {
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(strings.Join(parts, ""))
}

// linked makes a REF of the text of a link. Only what was checked is believed:
// data is named by its key, and whoever can forge the name can show other data.
func (n *Node) linked(name, text string, secure bool) (string, error) {
	if !secure {
		return "", errs.New("resolve name", name, errs.Refused, errors.New("the answer is not signed, so anybody on the way could have changed it"))
	}
	if strings.Contains(text, ".") {
		return "atoll:" + text, nil
	}
	object, err := wire.ParseObjectID(text)
	if err != nil {
		return "", errs.New("resolve name", name, errs.Damaged, fmt.Errorf("its link: %w", err))
	}
	for _, v := range n.volumes.list() {
		if v.Object == object {
			return v.Petname + ":", nil
		}
	}
	return "", errs.Hint(errs.New("resolve name", name, errs.Refused, errors.New("the name tells the object, and not the key that opens it")),
		"ask its owner for a reference, or to link the name with --public")
}

var _ owner.Network = publisher{}
