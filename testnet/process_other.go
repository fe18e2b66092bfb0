//go:build !linux

package testnet

import (
	"errors"
	"os"
	"os/exec"
)

// errPlatform is what every start answers where the kernel offers neither the
// addresses nor the process identities that a network needs.
var errPlatform = errors.New("test networks of processes need Linux")

type started uint64

var (
	signalKill     os.Signal = os.Kill
	signalPause    os.Signal = os.Interrupt
	signalContinue os.Signal = os.Interrupt
	signalEnd      os.Signal = os.Interrupt
	signalCut      os.Signal = os.Interrupt
	signalMend     os.Signal = os.Interrupt
)

const letterPaused = 'T'

func inspect(int) (started, byte, bool)                   { return 0, 0, false }
func bootID() (string, error)                             { return "", errPlatform }
func signalProcess(int, started, os.Signal) (bool, error) { return false, errPlatform }
func sessionOf(*exec.Cmd, bool)                           {}
func lockFile(string) (*os.File, error)                   { return nil, errPlatform }

type starter struct{}

func newStarter() *starter             { return &starter{} }
func (*starter) start(*exec.Cmd) error { return errPlatform }
func (*starter) close()                {}
