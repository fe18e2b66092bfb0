//go:build race

package plan

func init() { slowdown = 20 }
