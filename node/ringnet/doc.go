// Package ringnet carries what rings say over the network: the messages of
// members to each other (Links), and the questions that gateways and members
// ask of members (Client, Server). PROTOCOL.md describes both.
//
// It must never decide anything about an object: what a message claims is judged
// by package bft, what an answer claims by whoever asked. Every queue and every
// stream that another peer can fill has a limit here.
package ringnet
