package kv

// WithFree returns the options with another measure of the disk's free bytes.
func (o Options) WithFree(free func(string) (uint64, error)) Options {
	o.free = free
	return o
}

// Collect runs one round of the collection now, as many files as are dead.
func Collect(s Store) (files int, err error) {
	for {
		if err := s.(*store).collectOne(); err != nil {
			return files, err
		}
		files++
	}
}

// SyncGroup and its do let tests hold a run.
type SyncGroup = group

func (g *SyncGroup) Do(fn func() error) error { return g.do(fn) }

var ParseFormat = parseFormat
