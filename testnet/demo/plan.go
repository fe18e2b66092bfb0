package demo

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// plan is who does what, chosen by the seed alone.
type plan struct {
	putter int   // stores, and dies
	getter int   // fetches; it lives and is not the putter
	dead   []int // die, in ascending order, the putter among them
}

func makePlan(cfg Config) plan {
	p := plan{putter: min(putterWanted, cfg.Peers-1)}
	order := rand.New(source(cfg.Seed, "plan")).Perm(cfg.Peers)
	order = slices.DeleteFunc(order, func(i int) bool { return i == p.putter })
	p.dead = append([]int{p.putter}, order[:cfg.Kill-1]...)
	p.getter = order[cfg.Kill-1]
	slices.Sort(p.dead)
	return p
}

// source returns the stream of random bytes that belongs to a seed and a
// purpose. The same seed gives the same bytes on every machine.
func source(seed uint64, purpose string) *rand.ChaCha8 {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	copy(key[8:], purpose)
	return rand.NewChaCha8(key)
}
