// Package transfer moves shares between peers: out of a writer into many
// holders at once, and out of any k holders into a reader.
//
//	writer: Upload.Add ─▶ encode ─▶ n put streams ─▶ holder: Server.ServePut ─▶ store ─▶ receipt
//	reader: Fetcher.Read ◀─ decode ◀─ k get streams ◀─ holder: Server.ServeGet ◀─ store
//
// No peer is trusted. A holder stores nothing that the author did not sign for
// it and that does not hash to its manifest; a writer counts no receipt that it
// has not verified; a reader takes no byte that is not proved against the
// extent's name. A peer that is slow, full, dead or lying costs a little time
// and traffic, never a result: the others go on while it is replaced.
//
// The package must never see a key or a plaintext, know where a peer's address
// is, or reach libp2p: streams come through Network. FORMAT.md beside this file
// gives every message byte by byte.
package transfer

import "errors"

var (
	// ErrProtocol is returned for a message that breaks a rule of FORMAT.md.
	ErrProtocol = errors.New("transfer: message breaks a rule")
	// ErrLied is returned for a holder whose answer does not prove what it
	// claims: a slice of other bytes, a receipt for another share.
	ErrLied = errors.New("transfer: answer does not prove what it claims")
	// ErrCoding is returned when k proved fragments decode to another block
	// than the manifest names: the author encoded badly, and every reader of
	// these fragments finds the same.
	ErrCoding = errors.New("transfer: proved fragments decode to another block")
	// ErrClosed is returned for calls after Close or Abort.
	ErrClosed = errors.New("transfer: closed")
	// ErrInput is returned for arguments that no caller should pass.
	ErrInput = errors.New("transfer: argument out of range")
)
