package testnet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/atollnet/atoll/internal/errs"
)

// answerBytesMax bounds what is read of a peer's answer.
const answerBytesMax = 1 << 20

// Answer is what a peer says of itself.
type Answer struct {
	Peer      string   `json:"peer"`
	Addresses []string `json:"addresses"`
	Peers     int      `json:"peers"` // how many others it knows
}

// Ask asks peer i for its status, once.
func (n *Network) Ask(ctx context.Context, i int) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerMax)
	defer cancel()
	answer, err := ask(ctx, n.API(i))
	return answer, errs.Wrap("ask peer", fmt.Sprint(i), err)
}

func ask(ctx context.Context, socket string) (answer Answer, err error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://peer/v1/status", nil)
	if err != nil {
		return answer, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("the peer answered %s", response.Status)
	}
	return answer, json.NewDecoder(io.LimitReader(response.Body, answerBytesMax)).Decode(&answer)
}
