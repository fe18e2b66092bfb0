// Package api holds what peerctl and peerd say to each other: the requests and
// results of the local API, the Backend that answers them, and the text forms
// that both ends must agree on. PROTOCOL.md beside this file says how they
// travel; package client asks, package server answers.
//
// It must never know how a peer does its work: no network, no store, no keys.
// References are opaque text here; the daemon alone parses them.
package api
