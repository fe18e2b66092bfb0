package testnet

import (
	"net"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
)

func TestPeersHaveAddressGroupsOfTheirOwn(t *testing.T) {
	seen := make(map[string]bool)
	for i := range PeersMax {
		ip := net.ParseIP(address(i)).To4()
		if ip == nil || !ip.IsLoopback() {
			t.Fatalf("address(%d) = %q is no loopback address", i, address(i))
		}
		group := string(ip[:2])
		if seen[group] || address(i) == "127.0.0.1" {
			t.Fatalf("address(%d) = %q shares a group", i, address(i))
		}
		seen[group] = true
	}
}

func TestCheckLayout(t *testing.T) {
	dir := func(bytes int) string { return "/" + strings.Repeat("d", bytes-1) }
	room := socketPathBytesMax - len("/peer99/api.sock")
	for _, c := range []struct {
		name  string
		dir   string
		peers int
		ok    bool
	}{
		{"none", "/d", 0, false},
		{"one", "/d", 1, true},
		{"all", "/d", PeersMax, true},
		{"too many", "/d", PeersMax + 1, false},
		{"longest path", dir(room), 100, true},
		{"path too long", dir(room + 1), 100, false},
		{"three digits do not fit", dir(room), 101, false},
	} {
		err := checkLayout(c.dir, c.peers)
		if (err == nil) != c.ok || (err != nil && errs.KindOf(err) != errs.Usage) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTryPortSeesTakenPorts(t *testing.T) {
	l, err := net.Listen("tcp4", net.JoinHostPort(address(0), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := tryPort(address(0), l.Addr().(*net.TCPAddr).Port); err == nil {
		t.Error("a port that is taken was called free")
	}
	port, err := choosePort(address(0))
	if err != nil || port < portMin || port >= portMax {
		t.Errorf("choosePort = %d, %v", port, err)
	}
}
