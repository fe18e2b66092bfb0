package server

import (
	"encoding/binary"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	// answersMax bounds the answers that are kept, and answerBytesMax each.
	answersMax     = 1 << 16
	answerBytesMax = 4096
	shards         = 16
)

// kept is an answer as it is sent over UDP, but for the number and the spelling
// of the question.
type kept struct {
	wire           []byte
	refresh, until int64 // nanoseconds since 1970
	at             int64
	ttls           []int // where times to live stand that grow shorter
	asked          atomic.Bool
}

// cache holds answers.
type cache struct {
	seed  maphash.Seed
	shard [shards]struct {
		sync.RWMutex
		m map[string]*kept
	}
}

func newCache() *cache {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shard {
		c.shard[i].m = map[string]*kept{}
	}
	return c
}

func (c *cache) at(key []byte) int { return int(maphash.Bytes(c.seed, key) % shards) }

func (c *cache) get(key []byte) *kept {
	s := &c.shard[c.at(key)]
	s.RLock()
	defer s.RUnlock()
	return s.m[string(key)]
}

// put keeps an answer. A full table drops some other one.
func (c *cache) put(key []byte, k *kept) {
	if len(k.wire) > answerBytesMax {
		return
	}
	s := &c.shard[c.at(key)]
	s.Lock()
	defer s.Unlock()
	if _, there := s.m[string(key)]; !there && len(s.m) >= answersMax/shards {
		for other := range s.m {
			delete(s.m, other)
			break
		}
	}
	s.m[string(key)] = k
}

// size returns how many answers are kept.
func (c *cache) size() (n int) {
	for i := range c.shard {
		c.shard[i].RLock()
		n += len(c.shard[i].m)
		c.shard[i].RUnlock()
	}
	return n
}

// fill writes the answer to a question into b and returns its length.
func (k *kept) fill(b, question []byte, end int, now int64) int {
	n := copy(b, k.wire)
	b[0], b[1] = question[0], question[1]
	copy(b[headerBytes:end], question[headerBytes:end]) // in its own spelling
	if len(k.ttls) > 0 {
		age := uint32((now - k.at) / int64(time.Second))
		for _, at := range k.ttls {
			ttl := binary.BigEndian.Uint32(b[at:])
			binary.BigEndian.PutUint32(b[at:], ttl-min(ttl, age))
		}
	}
	return n
}

// ttlPlaces returns where the times to live stand in a message, that of an OPT
// left out.
func ttlPlaces(b []byte) (places []int) {
	count := int(binary.BigEndian.Uint16(b[6:])) + int(binary.BigEndian.Uint16(b[8:])) + int(binary.BigEndian.Uint16(b[10:]))
	i := skipName(b, headerBytes) + 4
	for range count {
		i = skipName(b, i)
		if i+10 > len(b) {
			return nil
		}
		if binary.BigEndian.Uint16(b[i:]) != dns.TypeOPT {
			places = append(places, i+4)
		}
		i += 10 + int(binary.BigEndian.Uint16(b[i+8:]))
	}
	return places
}

func skipName(b []byte, i int) int {
	for i < len(b) {
		switch l := int(b[i]); {
		case l == 0:
			return i + 1
		case l&0xc0 == 0xc0:
			return i + 2
		default:
			i += l + 1
		}
	}
	return i
}
