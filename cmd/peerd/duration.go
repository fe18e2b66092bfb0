package main

import (
	"fmt"
	"time"
)

// duration is a time that something takes, written "12h" or "1m30s"; at least a
// second.
type duration time.Duration

func (d *duration) String() string { return time.Duration(*d).String() }

func (d *duration) Type() string { return "duration" }

// Set parses a text.
func (d *duration) Set(text string) error {
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < time.Second {
		return fmt.Errorf("%q is no time of a second or more: write 12h or 1m30s", text)
	}
	*d = duration(parsed)
	return nil
}

// UnmarshalText parses a text of the configuration file.
func (d *duration) UnmarshalText(text []byte) error { return d.Set(string(text)) }
