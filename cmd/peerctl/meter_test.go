package main

import (
	"bytes"
	"testing"

	"github.com/atollnet/atoll/internal/api"
)

func TestProgressInWords(t *testing.T) {
	for _, c := range []struct {
		p    api.Progress
		want string
	}{
		{api.Progress{Phase: "archiving"}, ", archiving"},
		{api.Progress{Phase: "storing", Done: 7, Unit: "bytes"}, ", storing"},
		{api.Progress{Phase: "storing", Done: 1024, Total: 2048, Unit: "bytes"}, ", storing 1.0 KiB of 2.0 KiB"},
		{api.Progress{Phase: "checking", Done: 3, Total: 9, Unit: "extents"}, ", checking 3 of 9 extents"},
		{api.Progress{Phase: "asking", Done: 3, Unit: "peers"}, ", asking 3"},
	} {
		m := &meter{}
		m.Progress(c.p)
		if got := m.suffix(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.p, got, c.want)
		}
	}
}

func TestQuietMeterStillWarns(t *testing.T) {
	var out bytes.Buffer
	m := (&app{quiet: true, err: &out}).meter("x", 0)
	m.Note("a note")
	m.warn("a warning")
	m.close()
	if out.String() != "peerctl: a warning\n" {
		t.Errorf("%q", out.String())
	}
}

func TestAmountInWords(t *testing.T) {
	if got := amount(1024, 0) + "; " + amount(1024, 2048); got != "1.0 KiB; 1.0 KiB of 2.0 KiB" {
		t.Error(got)
	}
}
