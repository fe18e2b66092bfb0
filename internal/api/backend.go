package api

import (
	"context"
	"io"
)

// Backend is what answers the local API: a running peer, or a fake in tests.
// Methods are called concurrently.
//
// Errors carry a kind (package errs) that becomes peerctl's exit code, and a
// hint. When the context ends, a method returns soon; if what it was waiting
// for has a kind of its own (a quorum: errs.NoQuorum; holders: errs.TooFew) it
// returns that kind rather than the context's error.
//
// A method that works for long while its caller sees nothing move calls Report
// whenever it got further: the context is cancelled when nothing has been
// read, written or reported for the caller's timeout. Note tells the user what
// is no failure ("the ring does not answer; this is the DHT's head").
type Backend interface {
	// Status says how this peer is. It answers from memory, at once.
	Status(ctx context.Context) (Status, error)
	// Peers lists the peers that this one knows, itself left out.
	Peers(ctx context.Context) ([]Peer, error)
	// Doctor looks for what is wrong and says how to mend it.
	Doctor(ctx context.Context) ([]Finding, error)
	// Invite returns a join string for `peerd run --join`.
	Invite(ctx context.Context) (string, error)
	// Identity returns who this peer's user is.
	Identity(ctx context.Context) (Identity, error)

	// Ring says who orders an object, asking each of them.
	Ring(ctx context.Context, r RingRequest) (Ring, error)
	// ReplaceMember replaces a member of a ring, with the others' consent. A peer
	// that is no member is errs.NotFound; of an object of somebody else's,
	// errs.Refused; too few peers, errs.NoQuorum.
	ReplaceMember(ctx context.Context, r ReplaceRequest) (Ring, error)
	// Recoverable says what RecoverRing would go on from, and changes nothing. A
	// ring that can order is errs.Conflict.
	Recoverable(ctx context.Context, r RingRequest) (Recoverable, error)
	// RecoverRing makes a new ring in the place of one that is lost.
	RecoverRing(ctx context.Context, r RecoverRequest) (Ring, error)
	// Init makes a volume. A petname that exists is errs.Conflict.
	Init(ctx context.Context, r InitRequest) (Volume, error)
	// Put stores body, to its io.EOF, as one file, or a symbolic link. Any other
	// error of body means that the caller gave up: nothing may be committed.
	Put(ctx context.Context, r PutRequest, body io.Reader) (PutResult, error)
	// PutTree stores a tree, to the io.EOF of its Next. Any other error means
	// that the caller gave up: no file is left half written, but those before
	// it may be there already.
	PutTree(ctx context.Context, r PutTreeRequest, tree TreeReader) (PutResult, error)
	// Mkdir makes a directory. One that exists is errs.Conflict, unless Parents.
	Mkdir(ctx context.Context, r MkdirRequest) (PutResult, error)
	// Remove removes an entry from its directory; earlier versions keep it. A
	// directory that is not empty is errs.Conflict, unless Recursive.
	Remove(ctx context.Context, r RemoveRequest) (PutResult, error)
	Appender
	Editor
	Sharer
	KeyKeeper
	Waiter
	Custody
	Holding
	Watcher
	Prover

	// Open returns an entry and, for a file, the content of the wanted range,
	// which the caller closes; for a directory or a link the reader is nil. The
	// reader returns io.EOF only after every wanted byte was given and proved.
	// A range that starts behind the end of the file is errs.Usage; one that
	// ends behind it is cut short.
	Open(ctx context.Context, r ReadRequest) (Entry, io.ReadCloser, error)
	// Walk calls fn for what the reference names and for everything below it,
	// each directory before what is in it, entries of one directory ascending by
	// the bytes of their names. open returns a file's content as Open does; it
	// is valid until fn returns and may stay uncalled; for other kinds, and for
	// what Skip leaves out, it is nil. An error of fn ends the walk and is returned. All entries are of one
	// version. Offset and Length are not used.
	Walk(ctx context.Context, r ReadRequest, fn func(e Entry, open func() (io.ReadCloser, error)) error) error
	// List calls fn for what the reference names, then, if that is a directory,
	// for the entries in it, or for all below it, in the order of Walk.
	List(ctx context.Context, r ListRequest, fn func(Entry) error) error
	// Stat returns an entry. Offset and Length are not used.
	Stat(ctx context.Context, r ReadRequest) (Entry, error)
	// Log returns the retained versions in which the entry changed, newest first.
	Log(ctx context.Context, r LogRequest) (Log, error)
	// Check asks the holders, now, for the shares of everything below the
	// reference. An unhealthy object is no error: the report says so.
	Check(ctx context.Context, r CheckRequest) (CheckReport, error)
}

// TreeReader hands out the entries of a tree one after another, the root first
// and each directory before what is in it. Read reads the content of the file
// that Next returned last, to io.EOF; what is left of it is skipped by Next.
type TreeReader interface {
	// Next returns the next entry, io.EOF after the last.
	Next() (TreeEntry, error)
	io.Reader
}
