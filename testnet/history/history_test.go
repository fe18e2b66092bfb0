package history

import (
	"testing"
	"time"
)

func TestHistories(t *testing.T) {
	at := func(began, ended int64, place int) Append {
		return Append{Began: began, Ended: ended, Place: place, Acknowledged: true}
	}
	unheard := func(began int64, place int) Append { return Append{Began: began, Place: place} }
	for _, c := range []struct {
		name string
		all  []Append
		ok   bool
	}{
		{"nothing", nil, true},
		{"one after another", []Append{at(1, 2, 0), at(3, 4, 1)}, true},
		{"the second is before the first", []Append{at(1, 2, 1), at(3, 4, 0)}, false},
		{"at the same time, either way", []Append{at(1, 4, 1), at(2, 3, 0)}, true},
		{"acknowledged and lost", []Append{at(1, 2, 0), at(3, 4, Unknown)}, false},
		{"never heard of, and lost", []Append{at(1, 2, 0), unheard(3, Unknown)}, true},
		{"never heard of, done later", []Append{at(5, 6, 0), unheard(1, 1)}, true},
		{"never heard of, done before it began", []Append{at(1, 2, 1), unheard(3, 0)}, false},
		{"twice in one place", []Append{at(1, 2, 0), at(1, 2, 0)}, false},
		{"a hole", []Append{at(1, 2, 0), at(3, 4, 2)}, false},
	} {
		if err := Linearizable(c.all, time.Second); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
