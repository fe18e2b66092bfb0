//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// cutOnSignal takes a peer of a network on one machine off the network on
// SIGUSR1, and puts it back on SIGUSR2: there is no cable to pull. The returned
// function ends that.
func cutOnSignal(cut func(off bool)) (end func()) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range signals {
			cut(s == syscall.SIGUSR1)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
