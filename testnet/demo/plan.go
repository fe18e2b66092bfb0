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
	later  []int // die when what the first held has been rebuilt
	third  int   // fetches then
}

func makePlan(cfg Config) plan {
	p := plan{putter: min(putterWanted, cfg.Peers-1)}
	order := rand.New(source(cfg.Seed, "plan")).Perm(cfg.Peers)
	order = slices.DeleteFunc(order, func(i int) bool { return i == p.putter })
	p.dead = append([]int{p.putter}, order[:cfg.Kill-1]...)
	p.getter = order[cfg.Kill-1]
	living := order[cfg.Kill-1:]
	p.later, p.third = slices.Clone(living[1:1+killedLater(cfg)]), living[len(living)-1]
	slices.Sort(p.dead)
	return p
}

// laterWanted is how many more peers die where there are enough. Together with
// the first, so few of the shares that were stored would be left that half of the
// extents could not be read without repair.
const laterWanted = 13

// killedLater returns how many more may die once everything is whole again: what
// lies on all that live survives the loss of two fifths of them.
func killedLater(cfg Config) int { return min(laterWanted, 2*(cfg.Peers-cfg.Kill-1)/5) }

// source returns the stream of random bytes that belongs to a seed and a
// purpose. The same seed gives the same bytes on every machine.
func source(seed uint64, purpose string) *rand.ChaCha8 {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	copy(key[8:], purpose)
	return rand.NewChaCha8(key)
}
