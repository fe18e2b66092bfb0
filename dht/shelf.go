package dht

import (
	"bytes"
	"container/heap"

	ds "github.com/ipfs/go-datastore"
	kb "github.com/libp2p/go-libp2p-kbucket"
)

// shelf knows which records of one kind are held, and which of them is the
// farthest from this peer.
type shelf struct {
	max  int
	held map[ds.Key]kb.ID
	far  farFirst // every held record, and some that have gone since
}

func newShelf(max int) shelf { return shelf{max: max, held: map[ds.Key]kb.ID{}} }

func (s *shelf) has(k ds.Key) bool { return s.held[k] != nil }
func (s *shelf) full() bool        { return len(s.held) >= s.max }

func (s *shelf) put(k ds.Key, distance kb.ID) {
	s.held[k] = distance
	heap.Push(&s.far, place{k, distance})
	if len(s.far) > 2*s.max {
		s.rebuild()
	}
}

func (s *shelf) drop(k ds.Key) { delete(s.held, k) }

// farthest returns the farthest record. The shelf is not empty.
func (s *shelf) farthest() (ds.Key, kb.ID) {
	for {
		if top := s.far[0]; s.has(top.key) {
			return top.key, top.distance
		}
		heap.Pop(&s.far)
	}
}

func (s *shelf) rebuild() {
	s.far = s.far[:0]
	for k, distance := range s.held {
		s.far = append(s.far, place{k, distance})
	}
	heap.Init(&s.far)
}

// place is where a record lies.
type place struct {
	key      ds.Key
	distance kb.ID
}

// farFirst is a heap whose top is the farthest.
type farFirst []place

func (f farFirst) Len() int           { return len(f) }
func (f farFirst) Less(i, j int) bool { return bytes.Compare(f[i].distance, f[j].distance) > 0 }
func (f farFirst) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *farFirst) Push(x any)        { *f = append(*f, x.(place)) }
func (f *farFirst) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}
