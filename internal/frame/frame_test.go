package frame

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	for _, p := range [][]byte{[]byte("one"), nil, bytes.Repeat([]byte{7}, 1000)} {
		if err := Write(&b, p); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{3, 0, 1000} {
		if p, err := Read(&b, 1000); err != nil || len(p) != want {
			t.Fatalf("Read = %d bytes, %v, want %d", len(p), err, want)
		}
	}
	if _, err := Read(&b, 1000); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestBadFrames(t *testing.T) {
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"too large":      {[]byte{0, 0, 1, 1}, ErrTooLarge},
		"huge":           {[]byte{255, 255, 255, 255, 1}, ErrTooLarge},
		"cut in header":  {[]byte{0, 0}, io.ErrUnexpectedEOF},
		"cut in payload": {[]byte{0, 0, 0, 4, 1, 2}, io.ErrUnexpectedEOF},
		"no payload":     {[]byte{0, 0, 0, 4}, io.ErrUnexpectedEOF},
	} {
		if _, err := Read(bytes.NewReader(c.in), 256); !errors.Is(err, c.want) {
			t.Errorf("%s: Read: %v, want %v", name, err, c.want)
		}
		if _, err := ReadInto(bytes.NewReader(c.in), make([]byte, 256)); !errors.Is(err, c.want) {
			t.Errorf("%s: ReadInto: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 9})
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := Read(bytes.NewReader(in), 1<<10)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if Write(&out, p) != nil || !bytes.HasPrefix(in, out.Bytes()) {
			t.Fatalf("%x read as %x", in, p)
		}
	})
}
