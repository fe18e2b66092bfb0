// Package history holds what clients saw of a log, or of files, against what
// these may do.
//
// It must never take an operation whose end is unknown for one that failed: it
// may have happened at any time since.
package history

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// Unknown is the place of an entry that is not in the log.
const Unknown = -1

// Append is one entry that a client added. Times are of any clock that all
// clients share.
type Append struct {
	Client       int
	Began        int64
	Ended        int64 // 0: the client never heard
	Place        int   // in the log as it is in the end, from 0; Unknown: it is not there
	Acknowledged bool
}

// Linearizable reports whether all appends, each at one instant between its
// beginning and its end, give the log as it is. Errors say what does not fit:
// an entry that was acknowledged and is not there, or an order that no instants
// explain.
func Linearizable(all []Append, patience time.Duration) error {
	var ops []porcupine.Operation
	for i, a := range all {
		switch {
		case a.Place == Unknown && a.Acknowledged:
			return fmt.Errorf("append %d of client %d was acknowledged and is lost", i, a.Client)
		case a.Place == Unknown:
			continue
		}
		end := a.Ended
		if !a.Acknowledged {
			end = math.MaxInt64
		}
		ops = append(ops, porcupine.Operation{ClientId: i, Call: a.Began, Output: a.Place, Return: end})
	}
	switch porcupine.CheckOperationsTimeout(log, ops, patience) {
	case porcupine.Ok:
		return nil
	case porcupine.Illegal:
		return fmt.Errorf("no order of these %d appends explains what the clients saw", len(ops))
	}
	return fmt.Errorf("%d appends could not be judged within %v", len(ops), patience)
}

// log is the state of a log: how many of the entries that count are in it. An
// append knows which it was.
var log = porcupine.Model{
	Init: func() any { return 0 },
	Step: func(state, _, output any) (bool, any) {
		return output.(int) == state.(int), state.(int) + 1
	},
}
