// Package protocol holds the parts of the local API's protocol that both ends
// share: routes, headers, event lines and the tar form of trees. PROTOCOL.md in
// the folder above describes it.
//
// It must never wait, connect or serve: package client and package server do.
package protocol
