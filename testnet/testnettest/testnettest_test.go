package testnettest

import (
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
)

func TestStart(t *testing.T) {
	const peers = 3
	n := Start(t, peers)
	if err := n.Kill(0); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context(), 0); err != nil {
		t.Fatalf("%v\n%s", err, errs.HintOf(err))
	}
	all, err := n.Peers()
	if err != nil || len(all) != peers {
		t.Fatalf("Peers = %v, %v", all, err)
	}
	for i, p := range all {
		status, err := n.Ask(t.Context(), i)
		if err != nil || status.Peer != p.ID || p.State != testnet.Running {
			t.Errorf("peer %d is %+v and says %+v, %v", i, p, status, err)
		}
	}
}
