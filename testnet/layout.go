package testnet

import (
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"

	"github.com/atollnet/atoll/internal/errs"
)

const (
	// PeersMax is the most peers of one network: peer I's address is
	// 127.I+1.0.1, and that byte ends at 250 so that some addresses stay free
	// for tests that play a stranger.
	PeersMax = 250
	// socketPathBytesMax is the longest path a unix socket can have on Linux.
	socketPathBytesMax = 107

	// Ports are chosen below the range that the kernel hands out by itself,
	// so that no outgoing connection takes a dead peer's port.
	portMin, portMax = 10_000, 32_000
	portTriesMax     = 100
)

// address returns the IPv4 address of peer i.
func address(i int) string { return fmt.Sprintf("127.%d.0.1", i+1) }

// peerDir returns the directory of peer i below dir.
func peerDir(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("peer%02d", i)) }

// socketPath returns the API socket of peer i.
func socketPath(dir string, i int) string { return filepath.Join(peerDir(dir, i), "api.sock") }

// logPath returns the file that peer i's output is appended to.
func logPath(dir string, i int) string { return filepath.Join(peerDir(dir, i), "peerd.log") }

// checkLayout refuses a network that cannot be: too many peers for the
// addresses, or a directory too deep for its sockets.
func checkLayout(dir string, peers int) error {
	if peers < 1 || peers > PeersMax {
		return errs.Newf("lay out network", dir, errs.Usage, "%d peers asked for, 1 to %d are possible", peers, PeersMax)
	}
	if n := len(socketPath(dir, peers-1)); n > socketPathBytesMax {
		err := errs.Newf("lay out network", dir, errs.Usage,
			"the sockets' paths would be %d bytes long, and the system allows %d", n, socketPathBytesMax)
		return errs.Hint(err, "choose a directory whose path is at least %d bytes shorter", n-socketPathBytesMax)
	}
	return nil
}

// choosePort returns a port of host that is free for TCP and for UDP now.
func choosePort(host string) (int, error) {
	var last error
	for range portTriesMax {
		port := portMin + rand.IntN(portMax-portMin)
		if last = tryPort(host, port); last == nil {
			return port, nil
		}
	}
	return 0, errs.New("choose port", host, errs.Other, last)
}

func tryPort(host string, port int) error {
	where := net.JoinHostPort(host, fmt.Sprint(port))
	tcp, err := net.Listen("tcp4", where)
	if err != nil {
		return err
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp4", where)
	if err != nil {
		return err
	}
	return udp.Close()
}
