package update

import (
	"bytes"
	"math"
	"reflect"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func fullWindow() SessionWindow {
	w := SessionWindow{Latest: math.MaxUint64}
	for i := range SessionSeqs {
		seq := wire.Seq(1) << i
		w.Records = append(w.Records, Record{
			Seq: seq, ID: [8]byte{byte(i), 1}, Status: Status(i), Clause: math.MaxUint32 >> i, Reason: Reason(4 * i), Version: wire.Version(seq) + 22,
		})
	}
	return w
}

// FuzzSessionWindow holds the code that is written by hand to what reflection
// would do.
func FuzzSessionWindow(f *testing.F) {
	f.Add(fullWindow().Encode())
	f.Add(SessionWindow{Latest: 1, Records: []Record{{Seq: 1}}}.Encode())
	f.Add([]byte{0x82, 0x18, 0x01, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		var want SessionWindow
		wantErr := wire.Unmarshal(b, &want, wire.TreeValueBytesMax)
		if wantErr == nil {
			wantErr = want.valid()
		}
		got, err := ParseSessionWindow(b)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("by hand: %v; by reflection: %v", err, wantErr)
		}
		if err == nil && (!reflect.DeepEqual(got, want) || !bytes.Equal(got.Encode(), wire.Marshal(want))) {
			t.Fatalf("by hand %+v, by reflection %+v", got, want)
		}
	})
}
