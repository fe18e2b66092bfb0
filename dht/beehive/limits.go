package beehive

const (
	// TickSeconds is how often a peer passes on what it counted, and
	// TicksPerInterval after how many of those ticks it judges popularity: an
	// interval is half an hour.
	TickSeconds      = 300
	TicksPerInterval = 6

	// CountedMax is how many records a peer counts in a tick, those asked for
	// here and those that others report; HomesMax how many of those it is home
	// to. Both hold some 50 bytes for each.
	CountedMax = 16384
	HomesMax   = 16384

	// StaleSecondsMax is how old what a copy says may be: one that has not been
	// confirmed for so long is not given out.
	StaleSecondsMax = 10

	// PushBytesPerSecond is what a peer's moves may cost all others together:
	// as each copy is sent once, by somebody, it is also what each peer sends
	// and receives on average.
	PushBytesPerSecond = 40_000
	// RecordBytes is what a name takes on the wire: a record set with its
	// signatures and NSEC3, and the key.
	RecordBytes = 700
)
