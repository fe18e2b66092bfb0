package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// DNS cookies (RFC 7873, laid out as in RFC 9018 but for the function that makes
// them, which is no other server's business).
const (
	clientCookieBytes = 8
	serverCookieBytes = 16
	cookieMax         = clientCookieBytes + 32
	cookieAge         = time.Hour
	cookieAhead       = 5 * time.Minute
)

type cookies struct {
	secret [32]byte
	now    func() time.Time
}

func newCookies(now func() time.Time) *cookies {
	c := &cookies{now: now}
	if _, err := rand.Read(c.secret[:]); err != nil {
		panic("server: no randomness: " + err.Error())
	}
	return c
}

// answer adds a cookie to an answer if the question had one. It reports false
// for one that is malformed.
func (c *cookies) answer(question, answer *dns.OPT, from netip.Addr, how way) bool {
	given := cookieOf(question)
	if given == nil {
		return !hasCookie(question)
	}
	client := given[:clientCookieBytes]
	full := append(append([]byte(nil), client...), c.make(client, from, uint32(c.now().Unix()))...)
	answer.Option = append(answer.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: hexOf(full)})
	return true
}

func hasCookie(o *dns.OPT) bool {
	for _, x := range o.Option {
		if x.Option() == dns.EDNS0COOKIE {
			return true
		}
	}
	return false
}

// cookieOf returns the well-formed cookie of a question, or nil.
func cookieOf(o *dns.OPT) []byte {
	for _, x := range o.Option {
		if k, ok := x.(*dns.EDNS0_COOKIE); ok {
			b, err := hex.DecodeString(k.Cookie)
			if err == nil && (len(b) == clientCookieBytes || len(b) >= clientCookieBytes+8 && len(b) <= cookieMax) {
				return b
			}
			return nil
		}
	}
	return nil
}

// make returns the server's half.
func (c *cookies) make(client []byte, from netip.Addr, at uint32) []byte {
	b := []byte{1, 0, 0, 0}
	b = binary.BigEndian.AppendUint32(b, at)
	h := hmac.New(sha256.New, c.secret[:])
	h.Write(client)
	h.Write(b)
	h.Write(from.AsSlice())
	return append(b, h.Sum(nil)[:8]...)
}

// good reports whether a message has a cookie that this server made for its
// sender: then the sender's address is no forgery.
func (c *cookies) good(m []byte, from netip.Addr) bool {
	msg := new(dns.Msg)
	if msg.Unpack(m) != nil {
		return false
	}
	opt := msg.IsEdns0()
	if opt == nil {
		return false
	}
	b := cookieOf(opt)
	if len(b) != clientCookieBytes+serverCookieBytes {
		return false
	}
	at := binary.BigEndian.Uint32(b[clientCookieBytes+4:])
	age := c.now().Sub(time.Unix(int64(at), 0))
	return age < cookieAge && age > -cookieAhead && hmac.Equal(b[clientCookieBytes:], c.make(b[:clientCookieBytes], from, at))
}
