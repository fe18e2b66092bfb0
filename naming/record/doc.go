// Package record is the form in which a zone lies in the DHT: name records, which
// hold the signed record sets of one owner name, and denial records, which are
// pages of the zone's NSEC3 chain. FORMAT.md describes them byte by byte.
//
// A record brings the zone's key along and is found under the key's digest, so
// whoever holds it can check it alone. The owner's signature over all of it
// orders its versions; the RRSIGs in it are for DNS clients, and are checked by
// the resolver.
//
// It reads no clock and no network, and must never believe a record that it has
// not checked.
package record
