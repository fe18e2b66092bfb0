package wire

// Limits that more than one package must agree on. Each is part of a format:
// changing one is a new version of it.
const (
	// BlockBytesMax is the most plaintext that one block holds.
	BlockBytesMax = 1 << 20
	// SealOverhead is what sealing adds to a block: the AES-GCM tag.
	SealOverhead = 16
	// SealedBytesMax is the most bytes of one sealed block, so of one stripe.
	SealedBytesMax = BlockBytesMax + SealOverhead
	// InlineBytesMax is the most plaintext that a block reference holds itself.
	InlineBytesMax = 4096
	// LineBytesMax is the most bytes of a line that is appended, its end included,
	// and the most that one update appends: blocks have 256 KiB at least, but for
	// the last, so an update surely holds the references to so much.
	LineBytesMax = 8 << 20

	// ExtentStripesMax is the most stripes of one extent: what storing costs
	// beside the bytes is counted by extents, and small files have a stripe each.
	ExtentStripesMax = 256
	// ExtentBytesMax bounds the sealed blocks of one extent, and with them the
	// memory of who writes or mends it.
	ExtentBytesMax = 32 * SealedBytesMax
	// ShareBytesMax is the most bytes of one share. It bounds what a holder
	// buffers for one incoming share; extents with a small k take fewer
	// stripes because of it.
	ShareBytesMax = 4 << 20
	// SharesMax is the most shares (n) of one extent: one byte less one, as
	// the code's field allows, and far above what the planner asks for.
	SharesMax = 255
	// ManifestBytesMax is the most bytes of one encoded manifest.
	ManifestBytesMax = 24 << 10

	// UpdateBytesMax is the most bytes of one signed update, all included.
	UpdateBytesMax = 128 << 10
	// BatchUpdatesMax and BatchBytesMax bound what one version commits.
	BatchUpdatesMax = 256
	BatchBytesMax   = 256 << 10

	// TreeNodeBytesMax and TreeNodeBytesMin bound an encoded tree node.
	TreeNodeBytesMax = 16 << 10
	TreeNodeBytesMin = 4 << 10
	// TreeKeyBytesMax and TreeValueBytesMax bound an entry so that a node can
	// always be split into two legal ones.
	TreeKeyBytesMax   = 512
	TreeValueBytesMax = 6 << 10

	// HeadBytesMax is the most bytes of a head record.
	HeadBytesMax = 32 << 10
	// NameRecordBytesMax is the most bytes of a name or denial record, or of a shared
	// answer.
	NameRecordBytesMax = 8 << 10
	// NameBytesMax is the most bytes of one directory entry's name, as in
	// POSIX (NAME_MAX).
	NameBytesMax = 255
	// RingMembersMax is the most members of a ring.
	RingMembersMax = 10
)
