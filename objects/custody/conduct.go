package custody

// Conduct is how a holder has done in audits of shares that it signed for.
type Conduct struct {
	Proved  uint64 // audits passed
	Missing uint64 // shares that it says it does not have, or that its disk lost
	Lied    uint64 // answers that proved nothing
	Late    uint64 // answers that came too late to be the holder's own
}

// avoidMissing is the part of its shares that an honest disk may lose before
// its peer is avoided, as one in so many; avoidMissingMin keeps the first few
// losses from deciding.
const (
	avoidMissing    = 100
	avoidMissingMin = 3
)

// IsAvoided reports whether nothing more is to be stored at a holder: it lied
// once, or it has lost more than a disk does.
func (c Conduct) IsAvoided() bool {
	return c.Lied > 0 || c.Missing > max(avoidMissingMin, (c.Proved+c.Missing)/avoidMissing)
}
