// Package solo runs rings of one member: objects that this peer alone orders.
// With f=0 agreement takes no messages, so what is left of PBFT is its order of
// steps: execute, sign, store, and only then answer. Decisions, certificates
// and heads are those of any ring, and so is the way from here to a ring of
// four: a reconfiguration that this member decides.
//
// It must never answer before the certificate and all that it names are
// durable, sign two decisions for one version, or keep a goroutine or a timer
// for an object that nobody is writing.
//
// # What a crash leaves
//
// A version is one transaction of the store: the nodes of its tree, the updates
// that made it, and its certificate. Before it is written there is nothing.
// After it is written and before the sync, the version may be there or not, and
// nobody has been told of it; the writer's gateway sends the update again, and
// the state remembers whether it was executed. After the sync it is there.
package solo
