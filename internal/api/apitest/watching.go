package apitest

import (
	"errors"
	"slices"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// watching holds a backend to telling of versions as they are made.
func (v *volumeTest) watching() {
	v.put("/a", []byte("one"))
	enough := errors.New("enough")
	started, ended := make(chan uint64, 1), make(chan error, 1)
	var seen []uint64
	go func() {
		ended <- v.b.Watch(v.ctx(), api.WatchRequest{Ref: v.ref("/a")}, func(l api.LogVersion) error {
			if seen = append(seen, l.Version); len(seen) == 1 {
				started <- l.Version
			}
			if len(seen) == 3 {
				return enough
			}
			return nil
		})
	}()
	first := <-started
	second := v.put("/a", []byte("two")).Version
	v.put("/b", []byte("another"))
	third := v.put("/a", []byte("three")).Version
	if err := <-ended; !errors.Is(err, enough) || !slices.Equal(seen, []uint64{first, second, third}) {
		v.t.Errorf("watched %v, %v; want %v", seen, err, []uint64{first, second, third})
	}
	err := v.b.Watch(v.ctx(), api.WatchRequest{Ref: "nowhere" + v.ref("/")}, func(api.LogVersion) error { return enough })
	v.fails(err, errs.NotFound, "watching what is not there")
}
