package main

import (
	"context"

	"github.com/atollnet/atoll/internal/api"
)

// listening returns a context whose requests tell the user their notes.
func (a *app) listening(ctx context.Context) context.Context {
	return api.WithObserver(ctx, notes{a})
}

type notes struct{ *app }

func (notes) Progress(api.Progress) {}

func (n notes) Note(text string) { n.say("peerctl: %s", text) }
