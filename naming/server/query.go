package server

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// Sizes of messages, in bytes.
const (
	headerBytes = 12
	// queryBytesMax bounds a question: a name, its type and class, and an OPT
	// record with room for a cookie and padding.
	queryBytesMax = 1232
	// plainBytesMax is what a client can take that says nothing (RFC 1035).
	plainBytesMax = 512
	// udpBytesMax is the largest answer over UDP (DNS flag day 2020): no
	// network that people use cuts it into fragments.
	udpBytesMax  = 1232
	nameBytesMax = 255
)

// flags of a question that change its answer.
const (
	flagEDNS = 1 << iota // it has an OPT record
	flagDO               // it wants signatures
	flagAD               // it wants to know whether they were checked
	flagCD               // it checks them itself
	flagRD
)

// query is a question as the fast way sees it: enough to find an answer that is
// there already.
type query struct {
	key   [nameBytesMax + 3]byte // name in lower case, type, flags
	n     int                    // bytes of key
	end   int                    // of the question section, in the message
	flags byte
	size  int // of the answer that the client can take
}

// scan reads a question. It reports false for all that is not plain: the slow
// way, which parses everything, decides then.
func (q *query) scan(b []byte) bool {
	if len(b) < headerBytes+5 || b[2]&^1 != 0 || b[4] != 0 || b[5] != 1 || binary.BigEndian.Uint32(b[6:]) != 0 || b[10] != 0 || b[11] > 1 {
		return false
	}
	q.flags, q.size = 0, plainBytesMax
	if b[2]&1 != 0 {
		q.flags |= flagRD
	}
	if b[3]&0x20 != 0 {
		q.flags |= flagAD
	}
	if b[3]&0x10 != 0 {
		q.flags |= flagCD
	}
	i, n := headerBytes, 0
	for {
		if i >= len(b) {
			return false
		}
		l := int(b[i])
		if l > 63 || n+l+1 > nameBytesMax || i+l+1 > len(b) {
			return false
		}
		q.key[n] = b[i]
		for k := 1; k <= l; k++ {
			c := b[i+k]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			q.key[n+k] = c
		}
		i, n = i+l+1, n+l+1
		if l == 0 {
			break
		}
	}
	if i+4 > len(b) || b[i+2] != 0 || b[i+3] != dns.ClassINET {
		return false
	}
	q.key[n], q.key[n+1] = b[i], b[i+1]
	q.end = i + 4
	if !q.scanOPT(b[q.end:], b[11] == 1) {
		return false
	}
	q.key[n+2] = q.flags
	q.n = n + 3
	return true
}

// scanOPT reads what stands behind the question: nothing, or an OPT record
// without options.
func (q *query) scanOPT(b []byte, there bool) bool {
	if !there {
		return len(b) == 0
	}
	const bare = 11
	if len(b) != bare || b[0] != 0 || b[1] != 0 || b[2] != byte(dns.TypeOPT) || b[5] != 0 || b[6] != 0 || b[9] != 0 || b[10] != 0 {
		return false
	}
	q.flags |= flagEDNS
	if b[7]&0x80 != 0 {
		q.flags |= flagDO
	}
	q.size = min(max(int(b[3])<<8|int(b[4]), plainBytesMax), udpBytesMax)
	return true
}
