package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/atollnet/atoll/internal/errs"
)

// write writes a file and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsComeBeforeTheFile(t *testing.T) {
	path := write(t, configName, `
listen = ["/ip4/1.2.3.4/tcp/1"]
join = ["a", "b"]
quota = "10 GiB"
log_level = "warn"
mdns = false
`)
	o := &options{dir: filepath.Dir(path)}
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.define(f)
	if err := f.Parse([]string{"--join", "c", "--join", "d,e", "--quota", "500MB", "--loopback"}); err != nil {
		t.Fatal(err)
	}
	s, err := o.settings(f)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := s.node(o.dir, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen[0] != "/ip4/1.2.3.4/tcp/1" || strings.Join(cfg.Join, " ") != "c d,e" || cfg.QuotaBytes != 500e6 || cfg.MDNS || !cfg.Relay || !cfg.Loopback {
		t.Errorf("%+v", cfg)
	}
}

func TestWithoutAFileDefaultsHold(t *testing.T) {
	t.Setenv("ATOLL_API", "/run/x/api.sock")
	o := &options{dir: t.TempDir()}
	s, err := o.settings(pflag.NewFlagSet("run", pflag.ContinueOnError))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := s.node(o.dir, os.Stderr)
	if err != nil || cfg.Dir != o.dir || cfg.API != "/run/x/api.sock" || !cfg.MDNS || cfg.Loopback || cfg.Passphrase != nil {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestBadConfigurationIsNamed(t *testing.T) {
	for content, want := range map[string]string{
		"lisen = []":            "unknown key lisen (line 1)",
		"[names]\nport = 53":    "unknown key names",
		"listen = 7":            "line 1",
		"quota = 'much'":        "no number of bytes",
		"mdns = 'yes'":          "line 1",
		"join = [\n":            "line",
		"api = 'a'\napi = 'b'":  "line 2",
		"log_level = \"info":    "line 1",
		"passphrase_file = 1.5": "line 1",

		"[custody]\ndead_after = '1ms'": "no time of a second or more",
		"[custody]\ndead = '1h'":        "unknown key custody.dead",
	} {
		path := write(t, configName, content)
		_, err := (&options{config: path}).settings(pflag.NewFlagSet("run", pflag.ContinueOnError))
		if errs.KindOf(err) != errs.Usage || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
	if _, err := (&options{config: "/no/such/file"}).settings(pflag.NewFlagSet("run", pflag.ContinueOnError)); errs.KindOf(err) != errs.Usage {
		t.Errorf("a file that was named and is absent: %v", err)
	}
}

// keys counts the keys of a configuration and the headings of its tables.
func keys(t reflect.Type) (n int) {
	for f := range t.Fields() {
		n++
		if f.Type.Kind() == reflect.Struct {
			n += keys(f.Type)
		}
	}
	return n
}

func TestTemplateIsTheWholeConfiguration(t *testing.T) {
	if _, err := parse([]byte(template)); err != nil {
		t.Errorf("as it is: %v", err)
	}
	var lines []string
	for _, line := range strings.Split(template, "\n") {
		if key, ok := strings.CutPrefix(line, "# "); ok && (strings.Contains(key, " = ") || strings.HasPrefix(key, "[")) {
			lines = append(lines, key)
		}
	}
	s, err := parse([]byte(strings.Join(lines, "\n")))
	if err != nil || len(lines) != keys(reflect.TypeFor[settings]()) || s.Custody.DeadAfter != duration(12*time.Hour) || s.Quota != 100<<30 || len(s.Listen) != 4 || s.MDNS == nil || !*s.MDNS {
		t.Errorf("with %d keys set: %+v, %v", len(lines), s, err)
	}
}

func TestQuantities(t *testing.T) {
	for text, want := range map[string]quantity{
		"0": 0, "1": 1, "10b": 10, "2k": 2048, "1 KiB": 1024, "1kb": 1000, "500MB": 500e6, "10 GiB": 10 << 30, " 3 t ": 3 << 40, "1TB": 1e12,
	} {
		var q quantity
		if err := q.Set(text); err != nil || q != want {
			t.Errorf("%q is %d, %v, want %d", text, q, err, want)
		}
	}
	for _, bad := range []string{"", "GiB", "-1", "1.5G", "10 bits", "1e9", "99999999999 T", "10 GG"} {
		if err := new(quantity).Set(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestPassphrases(t *testing.T) {
	for content, want := range map[string]string{"secret": "secret", "secret\n": "secret", " a b \r\nrest": " a b "} {
		if got, err := passphrase(write(t, "p", content)); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", content, got, err)
		}
	}
	for _, path := range []string{write(t, "p", ""), write(t, "p", "\nsecret"), "/no/such/file"} {
		if _, err := passphrase(path); errs.KindOf(err) != errs.Usage {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCommandLine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "a verb is missing"},
		{[]string{"nonsense"}, 2, "peerd --help"},
		{[]string{"run", "--nonsense"}, 2, "nonsense"},
		{[]string{"run", "here"}, 2, ""},
		{[]string{"run", "--dir", dir, "--quota", "much"}, 2, "no number of bytes"},
		{[]string{"run", "--dir", dir, "--log-level", "loud"}, 2, "log level"},
		{[]string{"--help"}, 0, "--join"},
		{[]string{"version"}, 0, "peerd "},
		{[]string{"init", "--dir", dir}, 0, filepath.Join(dir, configName)},
		{[]string{"--dir", dir, "init"}, 6, "edit it"},
	} {
		var out bytes.Buffer
		if code := execute(context.Background(), c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%q: exit code %d, want %d with %q:\n%s", c.args, code, c.code, c.want, out.String())
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}
