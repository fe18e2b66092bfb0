//go:build !unix

package main

// cutOnSignal does nothing where there are no such signals.
func cutOnSignal(func(off bool)) (end func()) { return func() {} }
