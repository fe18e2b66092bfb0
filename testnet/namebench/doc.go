// Package namebench measures names as users meet them: what a peer's DNS port
// answers from its memory beside the plainest server that can be made of the same
// library, how long names take to be found, published and changed in a network of
// real peers, and what it costs to keep very many of them published.
//
// It must never count an answer that is not the right one.
package namebench
