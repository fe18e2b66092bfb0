// Package server answers DNS clients over UDP, TCP, TLS (RFC 7858) and HTTPS (RFC
// 8484). It knows messages and transports; what the answers are, its Resolver
// says.
//
// Whole answers are kept as they are sent, so that a question that was asked
// before costs a look into a table and a copy. It must never answer one source
// faster than its limits allow, and must never let a question that has to be
// looked up hold up one that has not.
package server
