package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/owner"
	"github.com/atollnet/atoll/naming/zone"
)

// protocolRegister asks the holder of a zone for a name in it.
const protocolRegister = "/atoll/name-register/1"

// An open zone says under this name which peer to ask.
const (
	registrarLabel  = "_register._atoll"
	registrarPrefix = "peer="
)

const (
	tagRegister wire.Tag = "atoll/v1/name-register"

	registerBytesMax = 4 << 10
	registerKeysMax  = naming.DigestsMax
	registerTimeout  = 20 * time.Second
	// registerAge is how old a request may be: older ones were overheard.
	registerAge = 10 * time.Minute
)

var registerLimits = p2p.Limits{
	PerPeer: p2p.Rate{PerSecond: 0.2, Burst: 20}, PerGroup: p2p.Rate{PerSecond: 1, Burst: 60}, OpenPerPeer: 2, OpenTotal: 16,
}

// registration asks that a name be delegated to a zone. It is signed by a key of
// that zone: a new name by any, a name that is taken by one that has it.
type registration struct {
	_         struct{} `cbor:",toarray"`
	Format    uint64   // 1
	Name      string   // canonical, in full
	Self      wire.PublicKey
	Keys      []wire.PublicKey
	Time      int64 // seconds since 1970
	Signer    wire.PublicKey
	Signature wire.Signature
}

func (r registration) body() []byte {
	r.Signature = wire.Signature{}
	return wire.Marshal(r)
}

// registered answers it.
type registered struct {
	_       struct{} `cbor:",toarray"`
	Kind    uint64   // of the error, as package errs numbers them; meaningless without a message
	Message string   // "": it is done
}

// serveRegistrations makes this peer answer those who ask for names.
func (n *Node) serveRegistrations() {
	n.host.Handle(protocolRegister, registerLimits, func(ctx context.Context, remote wire.PeerID, s *p2p.Stream) {
		n.served(protocolRegister, remote, n.serveRegistration(ctx, s))
	})
}

func (n *Node) serveRegistration(ctx context.Context, s *p2p.Stream) error {
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	if err := s.SetDeadline(time.Now().Add(registerTimeout)); err != nil {
		return err
	}
	var r registration
	if err := frame.ReadMessage(s, &r, registerBytesMax); err != nil {
		return err
	}
	var answer registered
	if err := n.grant(ctx, r); err != nil {
		answer = registered{Kind: uint64(errs.KindOf(err)), Message: err.Error()}
	}
	return frame.WriteMessage(s, answer)
}

// grant delegates a name if its zone is open and the name is free, or the
// asker's already.
func (n *Node) grant(ctx context.Context, r registration) error {
	age := time.Since(time.Unix(r.Time, 0))
	if r.Format != 1 || len(r.Keys) == 0 || len(r.Keys) > registerKeysMax || age > registerAge || age < -registerAge {
		return errNames("register name", "", "the request is malformed or too old")
	}
	if err := r.Signer.Verify(tagRegister, r.body(), r.Signature); err != nil {
		return errs.New("register name", r.Name, errs.Refused, err)
	}
	o := n.names.owner
	label, at, err := o.Find(r.Name)
	if err != nil {
		return err
	}
	z, err := o.Zone(label)
	if err != nil {
		return err
	}
	if !z.Open {
		return errs.New("register name", r.Name, errs.Refused, errors.New("the zone takes no registrations"))
	}
	if at == zone.Apex || strings.Contains(at, ".") || strings.HasPrefix(at, "_") || strings.HasPrefix(at, "*") {
		return errNames("register name", r.Name, "a name is one label below the zone")
	}
	set, err := registrationEntries(at, r)
	if err != nil {
		return err
	}
	err = o.Edit(label, at, func(before []zone.Entry) ([]zone.Entry, error) {
		if len(before) > 0 && !hasKey(before, r.Name, r.Signer) {
			return nil, errs.New("register name", r.Name, errs.Conflict, errors.New("the name is taken"))
		}
		return set, nil
	})
	if err != nil {
		return err
	}
	_, err = o.Publish(ctx, label, 0, nil)
	if errs.KindOf(err) == errs.TooFew {
		return nil // it is put again
	}
	return err
}

func registrationEntries(at string, r registration) ([]zone.Entry, error) {
	set, err := newEntries(at, 0, "NS", []string{naming.SelfName(r.Self)})
	if err != nil {
		return nil, err
	}
	for _, key := range r.Keys {
		more, err := newEntries(at, 0, "DS", []string{dsData(r.Name, key)})
		if err != nil {
			return nil, err
		}
		set = append(set, more...)
	}
	return set, nil
}

func dsData(name string, key wire.PublicKey) string {
	d := naming.DS(name, key)
	return fmt.Sprintf("%d %d %d %s", d.KeyTag, d.Algorithm, d.DigestType, strings.ToUpper(d.Digest))
}

// hasKey reports whether a delegation names a key.
func hasKey(set []zone.Entry, name string, key wire.PublicKey) bool {
	return slices.ContainsFunc(set, func(e zone.Entry) bool { return e.Type == "DS" && strings.EqualFold(e.Data, dsData(name, key)) })
}

// NameRegister implements api.Names.
func (b backend) NameRegister(ctx context.Context, r api.NameRegisterRequest) (api.NameResult, error) {
	name, err := naming.Canonical(r.Name)
	if err != nil {
		return api.NameResult{}, errNames("register name", r.Name, "%v", err)
	}
	z, err := b.names.owner.Zone(r.Zone)
	if err != nil {
		return api.NameResult{}, err
	}
	request := b.registration(name, z)
	if _, _, err := b.names.owner.Find(parentOf(name)); err == nil {
		err = b.grant(ctx, request) // the parent is one's own
		if err != nil {
			return api.NameResult{}, err
		}
	} else if err := b.register(ctx, request); err != nil {
		return api.NameResult{}, err
	}
	// From here on the name is this zone's, so it can be published under it.
	if err := b.names.owner.AddOrigin(r.Zone, name); err != nil {
		return api.NameResult{}, err
	}
	done, err := b.publish(ctx, r.Zone, r.Confirm)
	return api.NameResult{Zone: r.Zone, Name: bare(name), Published: true, Records: done.Records, Confirmed: done.Confirmed, Serial: done.Serial, Alone: b.alone()}, err
}

func parentOf(name string) string {
	i, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[i:]
}

// registration signs a request with the oldest key of the zone: the one that a
// parent has known for longest.
func (b backend) registration(name string, z owner.Zone) registration {
	r := registration{Format: 1, Name: name, Self: z.Keys[0].Public, Time: time.Now().Unix()}
	live := z.LiveKeys()
	for _, k := range live {
		r.Keys = append(r.Keys, k.Public)
	}
	signer := wire.NewKey(b.zoneSeed(z.Label, live[0].Generation))
	r.Signer = signer.Public()
	r.Signature = signer.Sign(tagRegister, r.body())
	return r
}

// register asks the peer that the parent's zone names.
func (b backend) register(ctx context.Context, r registration) error {
	parent := parentOf(r.Name)
	a := b.names.resolver.Resolve(ctx, registrarLabel+"."+parent, dns.TypeTXT).Checked()
	var peer wire.PeerID
	found := false
	for _, rr := range a.Answer {
		if txt, ok := rr.(*dns.TXT); ok && a.Secure {
			if text, ok := strings.CutPrefix(strings.Join(txt.Txt, ""), registrarPrefix); ok {
				var err error
				if peer, err = wire.ParsePeerID(text); err == nil {
					found = true
				}
			}
		}
	}
	if !found {
		return errs.Hint(errs.New("register name", bare(r.Name), errs.NotFound, fmt.Errorf("%s offers no registration", bare(parent))),
			"ask its owner to delegate the name: peerctl name delegate")
	}
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	s, err := b.host.Open(ctx, peer, protocolRegister)
	if err != nil {
		return errs.Hint(errs.New("register name", bare(r.Name), errs.Timeout, err), "the peer that gives names in %s does not answer", bare(parent))
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Reset() })()
	if err := frame.WriteMessage(s, r); err != nil {
		return errs.Wrap("register name", bare(r.Name), err)
	}
	var answer registered
	if err := frame.ReadMessage(s, &answer, registerBytesMax); err != nil {
		return errs.Wrap("register name", bare(r.Name), err)
	}
	if answer.Message != "" {
		return errs.New("register name", bare(r.Name), errs.Kind(min(answer.Kind, 255)), errors.New(answer.Message))
	}
	return nil
}

// offer writes into an open zone whom to ask for names.
func (b backend) offer(label string, open bool) error {
	return b.names.owner.Edit(label, registrarLabel, func([]zone.Entry) ([]zone.Entry, error) {
		if !open {
			return nil, nil
		}
		return newEntries(registrarLabel, 0, "TXT", []string{quoteTXT(registrarPrefix + b.host.Self().String())})
	})
}
