package testnet

import (
	"context"
	"fmt"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/errs"
)

// Ask asks peer i how it is, once. A peer that is down or paused gives no
// answer: an error of kind NoDaemon or Timeout.
func (n *Network) Ask(ctx context.Context, i int) (api.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, answerMax)
	defer cancel()
	c := client.New(n.API(i), 0)
	defer c.Close()
	status, err := c.Status(ctx)
	return status, errs.Wrap("ask peer", fmt.Sprint(i), err)
}
