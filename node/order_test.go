package node

import (
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/update"
)

// An update that came to the ring by two members is proved by the later version,
// and was executed in the earlier one.
func TestAnUpdateIsInTheVersionThatExecutedItFirst(t *testing.T) {
	for _, c := range []struct {
		outcome update.Outcome
		want    wire.Version
	}{
		{update.Outcome{Status: update.Applied, Version: 18}, 18},
		{update.Outcome{Status: update.Applied, Version: 17, Repeated: true}, 17},
		{update.Outcome{Status: update.Aborted, Reason: update.ReasonPredicate, Version: 16, Repeated: true}, 16},
	} {
		o := ringnet.Ordered{Certificate: bft.Certificate{Decision: bft.Decision{Version: 18}}, Outcome: c.outcome.Encode()}
		if got, err := became(o); err != nil || got.Version != c.want || got.Outcome != c.outcome {
			t.Errorf("%+v: %+v, %v", c.outcome, got, err)
		}
	}
}
