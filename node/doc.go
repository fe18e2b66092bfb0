// Package node joins all parts of a peer: keys, local store, network, DHT,
// ring, gateway and local API. It is the only package that knows all of them.
//
// It must hold no logic that a part could hold: what is here is wiring, the
// order of starting and stopping, and the translation between the parts'
// interfaces.
package node
