package node

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

// maxSocketPath is the most bytes of a unix socket's path (sun_path on Linux,
// with its final zero).
const maxSocketPath = 107

// Config is everything a peer can be told. The zero value of each field but
// Dir and API is a working default.
type Config struct {
	Dir string // data directory; one process at a time
	API string // path of the local API's socket

	Listen   []string // multiaddresses to listen on; default: TCP and QUIC on port 4707
	Announce []string // multiaddresses to tell others instead of the found ones
	Join     []string // invitations or multiaddresses of peers to join through

	// QuotaBytes bounds what the local store takes of the disk, and with it what
	// others may store; 0: DefaultQuotaBytes. AuthorBytesMax and ObjectBytesMax
	// bound the shares of one author and of one object; 0: the quota does.
	QuotaBytes, AuthorBytesMax, ObjectBytesMax uint64

	Loopback  bool // a network on one machine: no discovery, no port mapping, no address diversity
	MDNS      bool // find peers on the local network
	PortMap   bool // ask the router for a port (UPnP, NAT-PMP)
	AutoNAT   bool // learn whether this peer can be reached
	HolePunch bool // reach peers behind NATs directly
	Relay     bool // be reached through relays while not reachable otherwise

	Custody       Custody
	RingDeadAfter time.Duration // how long a member of a ring is silent before it is replaced; 0: an hour
	// DNS, DoT and DoH are where DNS clients are answered, host:port: over UDP
	// and TCP, over TLS, over HTTPS. "" is a port of this machine alone, "none"
	// nowhere.
	DNS, DoT, DoH   string
	DNSRate         int      // questions a second from one source outside of this machine; 0: 200
	DNSCert, DNSKey string   // PEM files; without them a certificate is made
	Upstream        []string // resolvers for other names: host, host:port, tls://host:port
	// ShareAnswers says which of those answers are shared with other peers: "off",
	// "popular" ("" too) or "all". Anchors are DS records of the zones that prove
	// them; none: the root's.
	ShareAnswers string
	Anchors      []string
	Roots        []string // DS or DNSKEY records of zones that are trusted for their names

	Passphrase []byte // opens the keyring; empty: its file permissions protect it

	Log *slog.Logger

	// UpBytesPerSecond and DownBytesPerSecond bound what share streams move to and
	// from other peers, this peer's user's and those that it serves; 0: nothing
	// does. Custody has a rate of its own.
	UpBytesPerSecond, DownBytesPerSecond int

	dnsAsked bool // a DNS address was configured

	diskFree func(dir string) (uint64, error) // what tests have of the disk; nil asks the system
}

// Custody is how this peer looks after the objects that it orders and owns.
// Zero fields take the defaults of package keeper, but where one is named.
type Custody struct {
	DeadAfter      time.Duration // silence after which a holder counts as lost
	AuditEvery     time.Duration // between two audits of an extent
	BytesPerSecond int           // of repairs and moves, read and written
	ScrubEvery     time.Duration // in which every share on this disk is read once; 0: 30 days
}

// DefaultConfig returns a configuration for a volunteer's machine with its data
// in dir and its API at socket.
func DefaultConfig(dir, socket string) Config {
	return Config{
		Dir: dir, API: socket,
		MDNS: true, PortMap: true, AutoNAT: true, HolePunch: true, Relay: true,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
}

// complete fills in defaults and refuses what cannot work.
func (c *Config) complete() error {
	if c.Dir == "" || c.API == "" {
		return errs.New("configure", "", errs.Usage, errors.New("no data directory or no API socket"))
	}
	abs, err := filepath.Abs(c.API)
	if err != nil {
		return errs.Wrap("configure", c.API, err)
	}
	if len(abs) > maxSocketPath {
		return errs.New("configure", abs, errs.Usage,
			fmt.Errorf("the path of the API socket has %d bytes, the system allows %d", len(abs), maxSocketPath))
	}
	c.API = abs
	if len(c.Listen) == 0 {
		c.Listen = []string{"/ip4/0.0.0.0/tcp/4707", "/ip6/::/tcp/4707", "/ip4/0.0.0.0/udp/4707/quic-v1", "/ip6/::/udp/4707/quic-v1"}
	}
	c.completeDNS()
	if c.Loopback {
		c.MDNS, c.PortMap, c.AutoNAT, c.HolePunch, c.Relay = false, false, false, false, false
	}
	if c.RingDeadAfter <= 0 {
		c.RingDeadAfter = ringDeadAfterDefault
	}
	if c.Custody.ScrubEvery <= 0 {
		c.Custody.ScrubEvery = scrubEveryDefault
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// none turns a DNS transport off.
const none = "none"

// completeDNS fills in where DNS is answered. dnsAsked remembers whether the
// user has said it: only then is a port that is taken a failure.
func (c *Config) completeDNS() {
	for _, d := range []struct {
		at    *string
		value string
	}{{&c.DNS, "127.0.0.1:5335"}, {&c.DoT, "127.0.0.1:5336"}, {&c.DoH, "127.0.0.1:5337"}} {
		if *d.at == "" {
			*d.at = d.value
		} else if *d.at != none {
			c.dnsAsked = true
		}
	}
}
