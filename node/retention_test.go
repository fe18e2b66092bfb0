package node

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
)

func TestWhenRulesAreFollowed(t *testing.T) {
	r := newRetention()
	weekly, daily := envelope.Retention{Weekly: 5}, envelope.Retention{Daily: 5}
	ruled := envelope.Volume{Petname: "ruled", Object: wire.ObjectID{1}, Genesis: []byte{1}, Retention: weekly}
	volumes := []envelope.Volume{
		ruled,
		{Petname: "free", Object: wire.ObjectID{2}, Genesis: []byte{1}},
		{Petname: "another's", Object: wire.ObjectID{3}, Retention: weekly},
	}
	now := time.Now()
	wantDue := func(what string, at time.Time, want ...string) {
		t.Helper()
		var got []string
		for _, v := range r.due(volumes, at) {
			got = append(got, v.Petname)
			r.pruned[v.Object] = pruning{v.Retention, at.Add(retainEvery)}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v are due, want %v", what, got, want)
		}
	}
	wantDue("at first", now, "ruled")
	wantDue("a minute later", now.Add(time.Minute))
	wantDue("a day later", now.Add(retainEvery), "ruled")
	volumes[0].Retention = daily
	wantDue("with new rules", now.Add(retainEvery), "ruled")
	volumes[0].Retention = envelope.Retention{}
	wantDue("without rules", now.Add(3*retainEvery))
	if len(r.pruned) != 0 {
		t.Errorf("%v are remembered", r.pruned)
	}
}

// Rules forget what they do not keep as soon as they are given, and free it.
func TestRulesForgetByThemselves(t *testing.T) {
	c := newCluster(t, 4)
	object, ref := c.init(0, 1)
	for i := range 4 {
		c.mustPut(0, "home:/file", strings.Repeat(fmt.Sprintf("draft %d ", i), 50_000))
	}
	drafts := func() int {
		log, err := c.user(0).Log(t.Context(), api.LogRequest{Ref: "home:"})
		if err != nil {
			t.Fatal(err)
		}
		return len(log.Versions)
	}
	before := drafts()
	volume := func() api.Volume {
		all, err := c.user(0).Volumes(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0]
	}
	rules := api.RetainRequest{Ref: "home:", Retention: api.Retention{Last: 2}, Dry: true}
	out, err := c.user(0).Retain(t.Context(), rules)
	if err != nil || out.Kept < 2 || out.Forgotten < before-2 || out.Object != object.String() || out.Petname != "home" {
		t.Fatalf("dry: %+v, %v; there are %d versions", out, err, before)
	}
	if v := volume(); v.Retention != nil || drafts() != before {
		t.Errorf("after a dry run: %+v", v)
	}
	rules.Dry = false
	if _, err := c.user(0).Retain(t.Context(), rules); err != nil {
		t.Fatal(err)
	}
	c.until("versions are forgotten", func() bool { return drafts() == 2 })
	if v := volume(); v.Retention == nil || *v.Retention != rules.Retention {
		t.Errorf("%+v", v)
	}
	if _, err := c.user(0).Retain(t.Context(), api.RetainRequest{Ref: "home:"}); err != nil || volume().Retention != nil {
		t.Errorf("taken back: %v", err)
	}
	for name, r := range map[string]struct {
		ask  api.RetainRequest
		user int
		want errs.Kind
	}{
		"another's volume": {api.RetainRequest{Ref: ref, Retention: api.Retention{Last: 1}}, 1, errs.Refused},
		"less than none":   {api.RetainRequest{Ref: "home:", Retention: api.Retention{Last: -1}}, 0, errs.Usage},
		"too much":         {api.RetainRequest{Ref: "home:", Retention: api.Retention{WithinSeconds: math.MaxInt64}}, 0, errs.Usage},
	} {
		if _, err := c.user(r.user).Retain(t.Context(), r.ask); kindOf(err) != r.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
