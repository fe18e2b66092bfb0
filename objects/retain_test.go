package objects

import (
	"slices"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

func TestKeep(t *testing.T) {
	// Versions 1 to 60, twelve hours apart, the newest at the end of 2026; every
	// tenth changed no content.
	end := time.Date(2026, 12, 31, 20, 0, 0, 0, time.UTC)
	var versions []VersionInfo
	for i := range 60 {
		v := wire.Version(60 - i)
		versions = append(versions, VersionInfo{Version: v, Time: end.Add(-12 * time.Hour * time.Duration(i)), Content: v%10 != 0 || i == 0})
	}
	for name, c := range map[string]struct {
		keep Keep
		want []wire.Version // that stay
	}{
		"nothing said":                  {Keep{}, []wire.Version{60}},
		"the last three":                {Keep{Last: 3}, []wire.Version{60, 59, 58}},
		"past one that changed nothing": {Keep{Last: 11}, []wire.Version{60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 49}},
		"of each day":                   {Keep{Daily: 3}, []wire.Version{60, 58, 56}},
		"of each week":                  {Keep{Weekly: 2}, []wire.Version{60, 52}},
		"of each month":                 {Keep{Monthly: 12}, []wire.Version{60}},
		"of each year and two":          {Keep{Yearly: 3, Last: 2}, []wire.Version{60, 59}},
		"a day back":                    {Keep{Within: 24 * time.Hour}, []wire.Version{60, 59, 58}},
		"days and a day back":           {Keep{Daily: 3, Within: 24 * time.Hour}, []wire.Version{60, 59, 58, 56}},
		"everything":                    {Keep{Last: 1000}, nil},
	} {
		var stay []wire.Version
		forget := c.keep.Forget(versions)
		for _, v := range versions {
			if !slices.Contains(forget, v.Version) {
				stay = append(stay, v.Version)
			}
		}
		if c.want == nil {
			if len(stay) != 55 {
				t.Errorf("%s: %d stay, want all but those without content", name, len(stay))
			}
			continue
		}
		if !slices.Equal(stay, c.want) {
			t.Errorf("%s: %v stay, want %v", name, stay, c.want)
		}
	}
	if (Keep{}).Forget(nil) != nil || !(Keep{}).IsEmpty() {
		t.Error("no versions")
	}
}
