package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/node"
)

// configName is the name of the configuration file in the data directory.
const configName = "config.toml"

// template is the configuration file that init writes: every key, with the
// value that holds without it.
const template = `# Configuration of peerd. Every line is optional; flags of peerd run come before it.

# api = "/run/user/1000/atoll/api.sock"          # socket of the local API
# listen = ["/ip4/0.0.0.0/tcp/4707", "/ip6/::/tcp/4707", "/ip4/0.0.0.0/udp/4707/quic-v1", "/ip6/::/udp/4707/quic-v1"]
# announce = []                                  # tell others these addresses instead of those that were found
# join = []                                      # invitations, or multiaddresses of peers
# quota = "100 GiB"                              # room on the disk for other people's shares; without it a tenth of what is free is written here
# author_quota = "100 GiB"                       # the most of it for one author; without it all of it
# object_quota = "100 GiB"                       # the most of it for one volume; without it all of it
# log_level = "info"                             # debug, info, warn, error
# ring_dead_after = "1h"                         # how long a member of a ring is silent before it is replaced
# passphrase_file = ""                           # holds what opens the keyring; without it the file's mode protects it

# dns = "127.0.0.1:5335"                         # answer DNS over UDP and TCP there; "none": do not
# dot = "127.0.0.1:5336"                         # DNS over TLS
# doh = "127.0.0.1:5337"                         # DNS over HTTPS, path /dns-query
# dns_rate = 200                                 # questions a second from one source outside of this machine
# dns_cert = ""                                  # PEM files of a certificate and its key; without them one is made
# dns_key = ""
# upstream = []                                  # resolvers for names that are not Atoll's, as "192.0.2.53" or "tls://192.0.2.53"
# share_answers = "popular"                      # which of their answers, if DNSSEC proves them, other peers are given: "off" (they are asked for none either), "popular", "all"
# anchors = []                                   # DS records that prove them; without them those of the DNS root
# roots = []                                     # DS or DNSKEY records of zones that are trusted for their names

# mdns = true                                    # find peers on the local network
# port_map = true                                # ask the router for a port
# autonat = true                                 # learn whether this peer can be reached
# hole_punch = true                              # reach peers behind NATs directly
# relay = true                                   # be reached through relays when nothing else works
# loopback = false                               # a network on one machine: none of these five

# pprof = ""                                     # loopback address and port at which to serve Go's profiles

# [traffic]                                      # shares to and from other peers, for the user of this one and for others, in a second
# up = "4 MiB"                                   # at least 128 KiB; without it nothing bounds it
# down = "16 MiB"

# [custody]                                      # how it looks after volumes that it orders or owns
# dead_after = "12h"                             # silence after which a holder counts as lost, and its shares are rebuilt
# audit_every = "24h"                            # how often holders must prove what they hold
# rate = "32 MiB"                                # the most that repairs move in a second
# scrub_every = "720h"                           # in what time every share on this disk is read once
`

// settings is the configuration file. What is nil or empty was not set.
type settings struct {
	API            string   `toml:"api"`
	Listen         []string `toml:"listen"`
	Announce       []string `toml:"announce"`
	Join           []string `toml:"join"`
	Quota          quantity `toml:"quota"`
	AuthorQuota    quantity `toml:"author_quota"`
	ObjectQuota    quantity `toml:"object_quota"`
	LogLevel       string   `toml:"log_level"`
	PassphraseFile string   `toml:"passphrase_file"`
	DNS            string   `toml:"dns"`
	DoT            string   `toml:"dot"`
	DoH            string   `toml:"doh"`
	DNSRate        int      `toml:"dns_rate"`
	DNSCert        string   `toml:"dns_cert"`
	DNSKey         string   `toml:"dns_key"`
	Upstream       []string `toml:"upstream"`
	ShareAnswers   string   `toml:"share_answers"`
	Anchors        []string `toml:"anchors"`
	Roots          []string `toml:"roots"`
	MDNS           *bool    `toml:"mdns"`
	PortMap        *bool    `toml:"port_map"`
	AutoNAT        *bool    `toml:"autonat"`
	HolePunch      *bool    `toml:"hole_punch"`
	Relay          *bool    `toml:"relay"`
	Loopback       bool     `toml:"loopback"`
	PProf          string   `toml:"pprof"`
	Custody        struct {
		DeadAfter  duration `toml:"dead_after"`
		AuditEvery duration `toml:"audit_every"`
		Rate       quantity `toml:"rate"`
		ScrubEvery duration `toml:"scrub_every"`
	} `toml:"custody"`
	Traffic struct {
		Up   quantity `toml:"up"`
		Down quantity `toml:"down"`
	} `toml:"traffic"`
	RingDeadAfter duration `toml:"ring_dead_after"`
}

// options are the flags.
type options struct {
	dir, config string
	flags       settings
}

func (o *options) define(f *pflag.FlagSet) {
	s := &o.flags
	f.StringVar(&s.API, "api", "", "path of the local API's `socket` (default "+api.DefaultSocket()+")")
	f.StringArrayVar(&s.Listen, "listen", nil, "`multiaddress` to listen on; may be repeated")
	f.StringArrayVar(&s.Announce, "announce", nil, "`multiaddress` to tell others; may be repeated")
	f.StringArrayVar(&s.Join, "join", nil, "`invitation` or multiaddress of a peer to join through; may be repeated")
	f.Var(&s.Quota, "quota", "`room` on the disk for other people's shares, as 100GiB (default: what the configuration says, at first a tenth of what is free)")
	f.StringVar(&s.LogLevel, "log-level", "", "debug, info, warn or error (default info)")
	f.StringVar(&s.PassphraseFile, "passphrase-file", "", "`file` that holds what opens the keyring")
	f.Var(&s.RingDeadAfter, "ring-dead-after", "how `long` a member of a ring is silent before it is replaced (default 1h)")
	f.StringVar(&s.PProf, "pprof", "", "loopback `address` and port at which to serve Go's profiles; off without it")
	f.Var(&s.Custody.DeadAfter, "custody-dead-after", "`time` of silence after which a holder counts as lost (default 12h)")
	f.StringVar(&s.DNS, "dns", "", "answer DNS at `host:port` (default 127.0.0.1:5335), or none")
	f.StringVar(&s.DoT, "dot", "", "answer DNS over TLS at `host:port` (default 127.0.0.1:5336), or none")
	f.StringVar(&s.DoH, "doh", "", "answer DNS over HTTPS at `host:port` (default 127.0.0.1:5337), or none")
	f.StringArrayVar(&s.Upstream, "upstream", nil, "`resolver` for names that are not Atoll's; may be repeated")
	f.StringArrayVar(&s.Roots, "root", nil, "DS or DNSKEY `record` of a zone to trust for its name; may be repeated")
	f.BoolVar(&s.Loopback, "loopback", false, "a network on one machine: no discovery, no port mapping, no relays")
}

// path is that of the configuration file.
func (o *options) path() string {
	if o.config != "" {
		return o.config
	}
	return filepath.Join(o.dir, configName)
}

// settings returns the configuration file's settings with the flags laid over.
func (o *options) settings(f *pflag.FlagSet) (settings, error) {
	path := o.path()
	b, err := os.ReadFile(path)
	if err != nil && (o.config != "" || !errors.Is(err, fs.ErrNotExist)) {
		return settings{}, errs.New("read configuration", path, errs.Usage, err)
	}
	s, err := parse(b)
	if err != nil {
		return s, errs.New("read configuration", path, errs.Usage, err)
	}
	s.overlay(&o.flags, f.Changed)
	return s, nil
}

// parse parses a configuration file. Unknown keys are refused by name: a
// setting that does nothing is worse than none.
func parse(b []byte) (s settings, err error) {
	err = toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields().Decode(&s)
	var unknown *toml.StrictMissingError
	var broken *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		var keys []string
		for _, e := range unknown.Errors {
			row, _ := e.Position()
			keys = append(keys, fmt.Sprintf("%s (line %d)", strings.Join(e.Key(), "."), row))
		}
		return s, fmt.Errorf("unknown key %s", strings.Join(keys, ", "))
	case errors.As(err, &broken):
		row, column := broken.Position()
		return s, fmt.Errorf("line %d, column %d: %w", row, column, err)
	}
	return s, err
}

// overlay takes over the flags that were given.
func (s *settings) overlay(flags *settings, given func(string) bool) {
	for name, take := range map[string]func(){
		"api":             func() { s.API = flags.API },
		"listen":          func() { s.Listen = flags.Listen },
		"announce":        func() { s.Announce = flags.Announce },
		"join":            func() { s.Join = flags.Join },
		"quota":           func() { s.Quota = flags.Quota },
		"log-level":       func() { s.LogLevel = flags.LogLevel },
		"passphrase-file": func() { s.PassphraseFile = flags.PassphraseFile },
		"dns":             func() { s.DNS = flags.DNS },
		"dot":             func() { s.DoT = flags.DoT },
		"doh":             func() { s.DoH = flags.DoH },
		"upstream":        func() { s.Upstream = flags.Upstream },
		"root":            func() { s.Roots = flags.Roots },
		"loopback":        func() { s.Loopback = flags.Loopback },
		"pprof":           func() { s.PProf = flags.PProf },

		"custody-dead-after": func() { s.Custody.DeadAfter = flags.Custody.DeadAfter },
		"ring-dead-after":    func() { s.RingDeadAfter = flags.RingDeadAfter },
	} {
		if given(name) {
			take()
		}
	}
}

// node returns the peer's configuration.
func (s *settings) node(dir string, log io.Writer) (node.Config, error) {
	socket := s.API
	if socket == "" {
		socket = api.DefaultSocket()
	}
	cfg := node.DefaultConfig(dir, socket)
	cfg.Listen, cfg.Announce, cfg.Join = s.Listen, s.Announce, s.Join
	cfg.Custody = node.Custody{
		DeadAfter: time.Duration(s.Custody.DeadAfter), AuditEvery: time.Duration(s.Custody.AuditEvery), BytesPerSecond: int(s.Custody.Rate),
		ScrubEvery: time.Duration(s.Custody.ScrubEvery),
	}
	cfg.UpBytesPerSecond, cfg.DownBytesPerSecond = int(s.Traffic.Up), int(s.Traffic.Down)
	cfg.AuthorBytesMax, cfg.ObjectBytesMax = uint64(s.AuthorQuota), uint64(s.ObjectQuota)
	cfg.QuotaBytes, cfg.Loopback, cfg.RingDeadAfter = uint64(s.Quota), s.Loopback, time.Duration(s.RingDeadAfter)
	cfg.DNS, cfg.DoT, cfg.DoH, cfg.DNSRate = s.DNS, s.DoT, s.DoH, s.DNSRate
	cfg.ShareAnswers, cfg.Anchors = s.ShareAnswers, s.Anchors
	cfg.DNSCert, cfg.DNSKey, cfg.Upstream, cfg.Roots = s.DNSCert, s.DNSKey, s.Upstream, s.Roots
	for _, b := range []struct{ to, from *bool }{
		{&cfg.MDNS, s.MDNS}, {&cfg.PortMap, s.PortMap}, {&cfg.AutoNAT, s.AutoNAT}, {&cfg.HolePunch, s.HolePunch}, {&cfg.Relay, s.Relay},
	} {
		if b.from != nil {
			*b.to = *b.from
		}
	}
	var err error
	if cfg.Passphrase, err = passphrase(s.PassphraseFile); err != nil {
		return cfg, err
	}
	cfg.Log, err = logger(log, s.LogLevel)
	return cfg, err
}

func logger(out io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if level == "" {
		level = "info"
	}
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, errs.Newf("configure", "log level", errs.Usage, "%q is none of debug, info, warn, error", level)
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: l})), nil
}

// passphrase reads the first line of a file; without a file there is none.
func passphrase(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, errs.New("read passphrase", path, errs.Usage, err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, errs.Newf("read passphrase", path, errs.Usage, "its first line is empty")
	}
	return line, nil
}
