// Package archtest holds the rules of the whole tree as ordinary tests: who
// may import whom, which packages are pure, that every package says what it is
// for and stands on the map, and what tests may not do. The rules and their
// reasons are the tables in its test files; docs/DESIGN.md, section 9, holds the
// map and tells the rules in words.
//
// It must never be imported.
package archtest
