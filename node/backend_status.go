package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/p2p"
)

func (b backend) Status(context.Context) (api.Status, error) {
	usage := b.shares.Usage()
	s := api.Status{
		Peer: b.host.Self().String(), Version: api.Release, Addresses: b.host.Addresses(),
		StoredBytes: usage.StoredBytes, QuotaBytes: usage.QuotaBytes,
		UptimeSec: int64(time.Since(b.started).Seconds()),
	}
	if b.names.server != nil {
		a := b.names.server.Addresses()
		s.DNS, s.DoT, s.DoH, s.DNSPin = a.DNS, a.DoT, a.DoH, b.names.pin
	}
	s.Peers = b.live()
	for _, i := range b.census.Known() {
		if i.Connected {
			s.Connected++
		}
	}
	for _, v := range b.volumes.list() {
		s.Volumes = append(s.Volumes, b.line(v))
	}
	return s, nil
}

func (b backend) Peers(context.Context) ([]api.Peer, error) {
	var all []api.Peer
	for _, i := range b.census.Known() {
		p := api.Peer{
			Peer: i.Peer.String(), Connected: i.Connected, Version: i.Software,
			FreeBytes: i.FreeBytes, QuotaBytes: i.QuotaBytes, RTTMicros: i.RTT.Microseconds(), Seen: i.Heard,
		}
		for _, a := range i.Addresses {
			p.Addresses = append(p.Addresses, a.String())
		}
		all = append(all, p)
	}
	return all, nil
}

func (b backend) Identity(context.Context) (api.Identity, error) {
	return api.Identity{Author: b.volumes.author().Public().String(), Peer: b.host.Self().String()}, nil
}

func (b backend) Invite(context.Context) (string, error) {
	addresses := b.host.Addresses()
	if len(addresses) == 0 {
		return "", errs.Hint(errs.New("invite", "", errs.Other, errors.New("this peer listens on no address")), "start peerd with --listen")
	}
	return p2p.EncodeInvite(b.host.Self(), addresses)
}

// Thresholds of the doctor.
const (
	diskLow    = 1 << 30 // bytes free
	quotaTight = 20      // one part in so many of the quota is left
)

func (b backend) Doctor(ctx context.Context) ([]api.Finding, error) {
	return []api.Finding{b.doctorPeers(), b.doctorDHT(ctx), b.doctorDisk(), b.doctorQuota(), b.doctorKeys()}, nil
}

func (b backend) doctorPeers() api.Finding {
	if b.alone() {
		return api.Finding{Severity: api.Warning, Subject: "peers", Message: "no other peer is known: what is put here exists once",
			Hint: "ask somebody for the output of `peerctl invite` and start peerd with --join"}
	}
	return api.Finding{Severity: api.OK, Subject: "peers", Message: fmt.Sprintf("%d others are known, %d of them have room", b.live(), len(b.Candidates())-1)}
}

func (b backend) doctorDHT(context.Context) api.Finding {
	n := b.dht.RoutingTableSize()
	if n == 0 && !b.alone() {
		return api.Finding{Severity: api.Problem, Subject: "dht", Message: "the routing table is empty: heads and holders cannot be found",
			Hint: "check that others can reach this peer's addresses (peerctl status), and its firewall"}
	}
	return api.Finding{Severity: api.OK, Subject: "dht", Message: fmt.Sprintf("%d peers in the routing table", n)}
}

func (b backend) doctorDisk() api.Finding {
	free, err := kv.DiskFree(b.config.Dir)
	if err != nil {
		return api.Finding{Severity: api.Problem, Subject: "disk", Message: fmt.Sprintf("%s: %v", b.config.Dir, err)}
	}
	if free < diskLow {
		return api.Finding{Severity: api.Problem, Subject: "disk", Message: fmt.Sprintf("%d MiB are free under %s", free>>20, b.config.Dir),
			Hint: "free some space, or move the data directory and start peerd with --dir"}
	}
	return api.Finding{Severity: api.OK, Subject: "disk", Message: fmt.Sprintf("%d GiB are free under %s", free>>30, b.config.Dir)}
}

func (b backend) doctorQuota() api.Finding {
	u := b.shares.Usage()
	f := api.Finding{Severity: api.OK, Subject: "quota", Message: fmt.Sprintf("%d of %d MiB are used", u.StoredBytes>>20, u.QuotaBytes>>20)}
	if u.FreeBytes < u.QuotaBytes/quotaTight {
		f.Severity, f.Hint = api.Warning, "this peer takes hardly any more shares; raise --quota if there is room"
	}
	return f
}

func (b backend) doctorKeys() api.Finding {
	if len(b.config.Passphrase) == 0 {
		return api.Finding{Severity: api.OK, Subject: "keys", Message: "the keyring has no passphrase: its file permissions protect it",
			Hint: "start peerd with --passphrase-file to seal it"}
	}
	return api.Finding{Severity: api.OK, Subject: "keys", Message: "the keyring is sealed with a passphrase"}
}
