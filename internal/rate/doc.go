// Package rate bounds how often each of many others may do something: token
// buckets in a table that does not grow.
//
// It imports no other package of Atoll and must never wait.
package rate
