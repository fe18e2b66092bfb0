// Package kvtest has what tests of code on a store need: a model in memory
// that can crash, fill up, fail and rot, and the suite that every
// implementation of kv.Store passes.
//
// It is for tests only and keeps everything in memory.
package kvtest
