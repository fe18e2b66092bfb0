// Package tasks owns what runs in the background of a part of the program: it
// begins it, ends it with the part, and waits for it. It must never drop the error
// of a task or decide when one is due: tasks tell their results themselves.
package tasks

import (
	"context"
	"sync"
)

// Group is the tasks of one owner. Its methods are safe for concurrent use; after
// Stop no task begins, so that Wait cannot miss one.
type Group struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	stopped bool
	running sync.WaitGroup
}

// New returns a group without tasks.
func New() *Group {
	g := new(Group)
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// Context ends when the group stops.
func (g *Group) Context() context.Context { return g.ctx }

// Begin announces a task on the caller's goroutine, or on one that it starts;
// whoever gets true calls Done at its end. It is false once the group has stopped.
func (g *Group) Begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return false
	}
	g.running.Add(1)
	return true
}

// Done ends a task that Begin has announced.
func (g *Group) Done() { g.running.Done() }

// Go runs f on a goroutine of its own, with the group's context. It reports false,
// and does nothing, once the group has stopped.
func (g *Group) Go(f func(context.Context)) bool {
	if !g.Begin() {
		return false
	}
	go func() {
		defer g.Done()
		f(g.ctx)
	}()
	return true
}

// Stop ends the context; no task begins any more.
func (g *Group) Stop() {
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	g.cancel()
}

// Wait returns when no task runs. Stop comes first.
func (g *Group) Wait() { g.running.Wait() }

// Close is Stop and Wait.
func (g *Group) Close() {
	g.Stop()
	g.Wait()
}
