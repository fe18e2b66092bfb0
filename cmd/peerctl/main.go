// Command peerctl stores, fetches and looks after files through the peerd of
// its user.
//
// It must never touch the network: all it knows, peerd told it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// endings returns the signals that end peerctl in order. Those that it was
// started to ignore, by nohup or in the background of a script, stay ignored.
func endings() (end []os.Signal) {
	for _, s := range []os.Signal{syscall.SIGTERM, os.Interrupt, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			end = append(end, s)
		}
	}
	return end
}
