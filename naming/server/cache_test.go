package server

import (
	"encoding/binary"
	"testing"
)

func TestTheCacheOfAnswersStaysBounded(t *testing.T) {
	c := newCache()
	for i := range uint32(2 * answersMax) {
		c.put(binary.BigEndian.AppendUint32(nil, i), &kept{})
	}
	if n := c.size(); n > answersMax || n < answersMax*9/10 {
		t.Errorf("%d answers are kept, at most %d may be", n, answersMax)
	}
	c.put([]byte("large"), &kept{wire: make([]byte, answerBytesMax+1)})
	if c.get([]byte("large")) != nil {
		t.Error("an answer that is too large is kept")
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03www\x04test\x00\x00\x01\x00\x01\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var q query
		if !q.scan(b) {
			return
		}
		(&kept{wire: b, ttls: ttlPlaces(b)}).fill(make([]byte, answerBytesMax), b, len(b), 0)
	})
}
