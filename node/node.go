package node

import (
	"context"
)

// Node is a running peer.
type Node struct {
	config Config
	unlock func()
}

// Open takes the data directory and opens everything in it.
func Open(ctx context.Context, c Config) (*Node, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	unlock, err := lockDir(c.Dir)
	if err != nil {
		return nil, err
	}
	return &Node{config: c, unlock: unlock}, nil
}

// Run serves until the context ends.
func (n *Node) Run(ctx context.Context) error {
	defer n.unlock()
	<-ctx.Done()
	return nil
}
