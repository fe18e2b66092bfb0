// Package resolver answers questions about names: it walks from a configured
// root, or from the key in a self-certifying name, through the zones in the DHT,
// and hands everything else to an upstream resolver. What it answers from zones
// it has checked, signature by signature, and each "no" comes with its proof.
//
// Records come through an interface, time through a function. Work is bounded
// for each question, whatever a zone holds: see the limits in this file's
// neighbours. It must never give out what it has not checked as checked, and
// must never ask an upstream for a name that is Atoll's.
package resolver
