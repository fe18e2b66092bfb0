package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/owner"
	"github.com/atollnet/atoll/naming/resolver"
	"github.com/atollnet/atoll/naming/zone"
)

var _ api.Names = backend{}

// NameZone implements api.Names.
func (b backend) NameZone(ctx context.Context, r api.NameZoneRequest) (api.NameZone, error) {
	o := b.names.owner
	var err error
	switch r.Op {
	case "create":
		if _, err = o.Create(r.Label, r.Root, r.Open); err == nil && r.Open {
			err = b.offer(r.Label, true)
		}
	case "open", "close":
		if err = o.SetOpen(r.Label, r.Op == "open"); err == nil {
			err = b.offer(r.Label, r.Op == "open")
		}
	case "roll":
		err = o.Roll(r.Label)
	case "finish":
		err = o.Retire(r.Label)
	case "show":
	default:
		err = errNames("change zone", r.Label, "%q is no change of a zone", r.Op)
	}
	if err != nil {
		return api.NameZone{}, err
	}
	z, err := o.Zone(r.Label)
	if err != nil {
		return api.NameZone{}, err
	}
	if r.Op != "show" {
		if _, err := b.publish(ctx, r.Label, 0); err != nil && errs.KindOf(err) != errs.TooFew {
			return api.NameZone{}, err
		}
	}
	return exportZone(z), nil
}

// bare is a name without its final dot, as people write it.
func bare(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}

func exportZone(z owner.Zone) api.NameZone {
	out := api.NameZone{Label: z.Label, Name: bare(z.Self()), Serial: z.Serial, Open: z.Open, Names: []string{}}
	for _, at := range z.Origins {
		out.Names = append(out.Names, bare(at.Name))
		out.Root = out.Root || at.Root
	}
	a := anchorsOf(z)
	out.DS, out.Anchors = a.DS, a.Anchors
	return out
}

func (b backend) publish(ctx context.Context, label string, want int) (owner.Result, error) {
	return b.names.owner.Publish(ctx, label, want, func(done, total int) {
		api.Report(ctx, api.Progress{Phase: "publishing", Done: int64(done), Total: int64(total), Unit: "records"})
	})
}

// NameChange implements api.Names.
func (b backend) NameChange(ctx context.Context, r api.NameChangeRequest) (api.NameResult, error) {
	label, at, err := b.names.owner.Find(r.Name)
	if err != nil {
		return api.NameResult{}, err
	}
	if err := b.change(ctx, label, at, r); err != nil {
		return api.NameResult{}, err
	}
	z, err := b.names.owner.Zone(label)
	if err != nil {
		return api.NameResult{}, err
	}
	out := api.NameResult{Zone: label, Name: bare(z.Self()), Serial: z.Serial}
	if at != zone.Apex {
		out.Name = at + "." + out.Name
	}
	if r.Hold {
		return out, nil
	}
	done, err := b.publish(ctx, label, r.Confirm)
	out.Published, out.Records, out.Confirmed, out.Serial, out.Alone = true, done.Records, done.Confirmed, done.Serial, b.alone()
	return out, err
}

// change makes a change of a zone's entries.
func (b backend) change(ctx context.Context, label, at string, r api.NameChangeRequest) error {
	o := b.names.owner
	switch r.Op {
	case "publish":
		return nil
	case "import":
		return b.importMaster(label, r)
	case "rm":
		return o.Edit(label, at, remove(at, r.Type, r.Data))
	case "delegate":
		return b.delegate(ctx, label, at, r)
	case "link":
		return b.link(ctx, label, at, r)
	case "set", "add":
		fresh, err := newEntries(at, r.TTL, r.Type, r.Data)
		if err != nil {
			return err
		}
		return o.Edit(label, at, place(fresh, r.Op == "set"))
	}
	return errNames("change zone", label, "%q is no change of records", r.Op)
}

func newEntries(at string, ttl uint32, rtype string, data []string) (fresh []zone.Entry, err error) {
	if len(data) == 0 {
		return nil, errNames("set "+rtype, at, "no data given")
	}
	if ttl == 0 {
		ttl = zone.TTLDefault
	}
	for _, d := range data {
		e, err := zone.NewEntry(at, ttl, rtype, d)
		if err != nil {
			return nil, errs.Hint(errs.New("set "+rtype, at, errs.Usage, err), "data is written as in master files: A 192.0.2.7, MX '10 mail', TXT '\"text\"'")
		}
		fresh = append(fresh, e)
	}
	return fresh, nil
}

// place puts entries beside those of their type, or in their place.
func place(fresh []zone.Entry, replace bool) owner.Change {
	return func(before []zone.Entry) ([]zone.Entry, error) {
		if replace {
			before = slices.DeleteFunc(before, func(e zone.Entry) bool { return e.Type == fresh[0].Type })
		}
		for _, e := range fresh {
			before = slices.DeleteFunc(before, func(old zone.Entry) bool { return old.Type == e.Type && old.Data == e.Data })
			before = append(before, e)
		}
		return before, nil
	}
}

// remove takes away entries: all, those of a type, or certain ones. That there
// are none is errs.NotFound.
func remove(at, rtype string, data []string) owner.Change {
	return func(before []zone.Entry) ([]zone.Entry, error) {
		after := slices.DeleteFunc(slices.Clone(before), func(e zone.Entry) bool {
			return (rtype == "" || strings.EqualFold(e.Type, rtype)) && (len(data) == 0 || slices.Contains(data, e.Data))
		})
		if len(after) == len(before) {
			return nil, errs.New("remove records", at, errs.NotFound, errors.New("there are no such records"))
		}
		return after, nil
	}
}

// delegate points a name at another zone: one of the user's, one by its
// self-certifying name, or by the data of DS records.
func (b backend) delegate(ctx context.Context, label, at string, r api.NameChangeRequest) error {
	if at == zone.Apex || len(r.Data) == 0 {
		return errNames("delegate", r.Name, "name what is to be delegated, and the zone that it goes to")
	}
	z, err := b.names.owner.Zone(label)
	if err != nil {
		return err
	}
	origins := []string{z.Self()}
	for _, o := range z.Origins {
		origins = append(origins, o.Name)
	}
	set, err := b.delegation(at, origins, r)
	if err != nil {
		return err
	}
	err = b.names.owner.Edit(label, at, func([]zone.Entry) ([]zone.Entry, error) { return set, nil })
	if err != nil || len(r.Data) != 1 {
		return err
	}
	if _, err := b.names.owner.Zone(r.Data[0]); err != nil {
		return nil // its owner publishes it under that name
	}
	for _, origin := range origins {
		if err := b.names.owner.AddOrigin(r.Data[0], at+"."+origin); err != nil {
			return err
		}
	}
	_, err = b.publish(ctx, r.Data[0], r.Confirm)
	return err
}

// delegation returns the records that delegate a name. A DS holds the name in
// full, so there is one for each name of the parent.
func (b backend) delegation(at string, origins []string, r api.NameChangeRequest) ([]zone.Entry, error) {
	keys, err := b.zoneKeys(r.Data)
	if err != nil {
		return nil, err
	}
	ns := "@"
	var ds []string
	for _, key := range keys {
		ns = naming.SelfName(key)
		for _, origin := range origins {
			d := naming.DS(at+"."+origin, key)
			ds = append(ds, fmt.Sprintf("%d %d %d %s", d.KeyTag, d.Algorithm, d.DigestType, d.Digest))
		}
	}
	if len(keys) == 0 {
		ds = []string{strings.Join(r.Data, " ")}
	}
	set, err := newEntries(at, r.TTL, "NS", []string{ns})
	if err != nil {
		return nil, err
	}
	more, err := newEntries(at, r.TTL, "DS", ds)
	return append(set, more...), err
}

// zoneKeys returns the keys of the zone that a delegation goes to; none if DS
// data is given.
func (b backend) zoneKeys(to []string) ([]wire.PublicKey, error) {
	if len(to) > 1 {
		return nil, nil
	}
	if z, err := b.names.owner.Zone(to[0]); err == nil {
		var keys []wire.PublicKey
		for _, k := range z.LiveKeys() {
			keys = append(keys, k.Public)
		}
		return keys, nil
	}
	name, err := naming.Canonical(to[0])
	if err == nil {
		if origin, key, ok := naming.SelfKey(name); ok && origin == name {
			return []wire.PublicKey{key}, nil
		}
	}
	if strings.Contains(to[0], " ") {
		return nil, nil
	}
	return nil, errs.Hint(errNames("delegate", to[0], "it is neither one of your zones nor the self-certifying name of one"), "peerctl name ls lists yours")
}

// importMaster takes over a master file.
func (b backend) importMaster(label string, r api.NameChangeRequest) error {
	if len(r.Data) != 1 {
		return errNames("import zone", label, "no master file given")
	}
	z, err := b.names.owner.Zone(label)
	if err != nil {
		return err
	}
	list, err := zone.ParseMaster(r.Data[0], z.Self())
	if err != nil {
		return errs.New("import zone", label, errs.Usage, err)
	}
	return b.names.owner.Import(label, list, r.Replace)
}

// NameList implements api.Names.
func (b backend) NameList(_ context.Context, r api.NameListRequest) (api.NameList, error) {
	var out api.NameList
	if r.Zone == "" {
		for _, z := range b.names.owner.Zones() {
			out.Zones = append(out.Zones, exportZone(z))
		}
		return out, nil
	}
	label, at, err := b.names.owner.Find(r.Zone)
	if err != nil {
		return out, err
	}
	list, err := b.names.owner.Entries(label)
	if err != nil {
		return out, err
	}
	if r.Export {
		z, err := b.names.owner.Zone(label)
		if err != nil {
			return out, err
		}
		out.Master = zone.WriteMaster(z.Self(), list)
		return out, nil
	}
	for _, e := range list {
		if at == zone.Apex || e.Owner == at || strings.HasSuffix(e.Owner, "."+at) {
			out.Records = append(out.Records, api.NameRecord{Name: e.Owner, TTL: e.TTL, Type: e.Type, Data: e.Data})
		}
	}
	return out, nil
}

// fullName returns a name that may be meant relative to one of the user's zones.
func (n *Node) fullName(name string) (string, error) {
	canonical, err := naming.Canonical(name)
	if err != nil {
		return "", errs.New("resolve name", name[:min(len(name), 80)], errs.Usage, err)
	}
	if strings.HasSuffix(name, ".") {
		return canonical, nil
	}
	label, at, err := n.names.owner.Find(name)
	if err != nil {
		return canonical, nil // it is nobody's here
	}
	z, err := n.names.owner.Zone(label)
	if err != nil {
		return "", err
	}
	if bare(canonical) != z.Label && !strings.HasSuffix(bare(canonical), "."+z.Label) {
		return canonical, nil // it was given in full
	}
	for _, o := range z.Origins {
		if dns.IsSubDomain(o.Name, canonical) {
			return canonical, nil
		}
	}
	if at == zone.Apex {
		return z.Self(), nil
	}
	return at + "." + z.Self(), nil
}

// NameResolve implements api.Names.
func (b backend) NameResolve(ctx context.Context, r api.NameResolveRequest) (api.NameAnswer, error) {
	name, err := b.fullName(r.Name)
	if err != nil {
		return api.NameAnswer{}, err
	}
	rtype := dns.TypeA
	if r.Type != "" {
		var ok bool
		if rtype, ok = typeOf(r.Type); !ok {
			return api.NameAnswer{}, errNames("resolve name", r.Name, "%q is no type of records", r.Type)
		}
	}
	var a resolver.Answer
	if r.Trace {
		a = b.names.resolver.Trace(ctx, name, rtype)
	} else {
		a = b.names.resolver.Resolve(ctx, name, rtype)
	}
	return exportAnswer(name, rtype, a.Checked()), nil
}

// typeOf parses "A" and "TYPE65400".
func typeOf(text string) (uint16, bool) {
	text = strings.ToUpper(text)
	if t, ok := dns.StringToType[text]; ok {
		return t, true
	}
	var n uint16
	if _, err := fmt.Sscanf(text, "TYPE%d", &n); err != nil || n == 0 {
		return 0, false
	}
	return n, true
}

func exportAnswer(name string, rtype uint16, a resolver.Answer) api.NameAnswer {
	out := api.NameAnswer{Name: bare(name), Type: dns.Type(rtype).String(), Code: dns.RcodeToString[a.Rcode], Secure: a.Secure, Stale: a.Stale, Answer: []string{}, Authority: []string{}}
	for _, rr := range a.Answer {
		if rr.Header().Rrtype != dns.TypeRRSIG || rtype == dns.TypeRRSIG {
			out.Answer = append(out.Answer, rr.String())
		}
	}
	for _, rr := range a.Authority {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			out.Authority = append(out.Authority, rr.String())
		}
	}
	if a.Extra != nil {
		out.Error = a.Extra.Text
	}
	for _, s := range a.Trace {
		out.Trace = append(out.Trace, api.NameStep{Zone: bare(s.Zone), What: s.What, From: s.From, Micros: s.Took.Microseconds(), Note: s.Note})
	}
	return out
}
