package node

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

func TestPeersAreAskedInTurn(t *testing.T) {
	a, b, c := wire.PeerID{1}, wire.PeerID{2}, wire.PeerID{3}
	refused := errs.Newf("", "", errs.Refused, "no right")
	for _, test := range []struct {
		name    string
		asked   []wire.PeerID
		answers map[wire.PeerID]error // who is not in it says nothing
		settles func(wire.PeerID, error) bool
		from    wire.PeerID
		kind    errs.Kind
		after   time.Duration
	}{
		{"the first answers", []wire.PeerID{a, b}, map[wire.PeerID]error{a: nil}, nil, a, errs.Other, 0},
		{"the first has failed: the next is asked at once", []wire.PeerID{a, b}, map[wire.PeerID]error{a: errors.New("down"), b: nil}, nil, b, errs.Other, 0},
		{"the first says nothing", []wire.PeerID{a, b}, map[wire.PeerID]error{b: nil}, nil, b, errs.Other, time.Second},
		{"two say nothing", []wire.PeerID{a, b, c}, map[wire.PeerID]error{c: nil}, nil, c, errs.Other, 2 * time.Second},
		{"all have failed", []wire.PeerID{a, b}, map[wire.PeerID]error{a: errors.New("down"), b: refused}, nil, wire.PeerID{}, errs.NoQuorum, 0},
		{"one failure settles it", []wire.PeerID{a, b}, map[wire.PeerID]error{a: refused, b: nil}, func(_ wire.PeerID, err error) bool { return final(err) }, a, errs.Refused, 0},
		{"there is nobody", nil, nil, nil, wire.PeerID{}, errs.NoQuorum, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			turns := turns{patience: time.Second, settles: test.settles}
			_, from, err := inTurn(t.Context(), turns, test.asked, errs.NoQuorum, func(ctx context.Context, p wire.PeerID) (struct{}, error) {
				if err, answers := test.answers[p]; answers {
					return struct{}{}, err
				}
				<-ctx.Done()
				return struct{}{}, ctx.Err()
			})
			if from != test.from || (err != nil) != (test.kind != errs.Other) || err != nil && errs.KindOf(err) != test.kind || time.Since(began) != test.after {
				t.Errorf("%s: from %v after %v: %v", test.name, from, time.Since(began), err)
			}
		})
	}
}

func TestOnePeerIsPutAhead(t *testing.T) {
	a, b, c := wire.PeerID{1}, wire.PeerID{2}, wire.PeerID{3}
	for _, test := range []struct {
		first wire.PeerID
		want  []wire.PeerID
	}{{b, []wire.PeerID{b, a, c}}, {wire.PeerID{9}, []wire.PeerID{a, b, c}}} {
		if got := ahead(test.first, []wire.PeerID{a, b, c}); !slices.Equal(got, test.want) {
			t.Errorf("%v ahead: %v, want %v", test.first, got, test.want)
		}
	}
}
