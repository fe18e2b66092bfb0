package kv

import "context"

// WithFree returns the options with another measure of the disk's free bytes.
func (o Options) WithFree(free func(string) (uint64, error)) Options {
	o.Free = free
	return o
}

// Collect compacts the index, which finds what is dead, and collects it.
func Collect(s Store) error {
	if err := s.(*store).db.Flatten(1); err != nil {
		return err
	}
	return s.(*store).collect(context.Background())
}

// SyncGroup and its do let tests hold a run.
type SyncGroup = group

func (g *SyncGroup) Do(fn func() error) error { return g.do(fn) }

var ParseFormat = parseFormat
