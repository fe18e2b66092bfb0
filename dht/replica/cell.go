package replica

import "github.com/atollnet/atoll/dht/beehive"

// cell counts the copies whose keys share the same digits: as many as this peer's
// own place has, and three more.
type cell struct{ count, bytes int }

func cellOf(self, key beehive.Point) uint32 {
	const digits = 3
	row := min(self.Shared(key), beehive.Digits-digits)
	id := uint32(row)
	for i := range digits {
		id = id*beehive.Base + uint32(key.Digit(row+i))
	}
	return id
}

// fill changes the count of a cell.
func (c *copies) fill(id uint32, count, bytes int) {
	at := c.cells[id]
	at.count, at.bytes = at.count+count, at.bytes+bytes
	if at.count == 0 {
		delete(c.cells, id)
		return
	}
	c.cells[id] = at
}

// roomFrom reports whether a new record that another peer brings may be kept:
// whoever is home to some part of the keys must not fill the table with them.
func (c *copies) roomFrom(id uint32, key string, value []byte) bool {
	at := c.cells[id]
	return c.room(key, value) &&
		at.count < max(cellCountMin, c.countMax/cellShares) &&
		at.bytes+len(value) <= max(cellBytesMin, c.bytesMax/cellShares)
}
