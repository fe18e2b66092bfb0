package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

func (a *app) catVerb() *cobra.Command {
	var s span
	c := &cobra.Command{
		Use:   "cat REF…",
		Short: "Write files to standard output",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.each(c.Context(), args, func(arg string) error { return a.cat(c.Context(), arg, s) })
		},
	}
	c.Flags().Var(&s, "range", "only bytes `FROM-TO`, both counted from 0 and included; FROM- and -LAST too")
	return c
}

func (a *app) cat(ctx context.Context, arg string, s span) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	r, err := a.request(ctx, ref, s)
	if err != nil {
		return err
	}
	e, content, err := a.peerd.Open(a.listening(ctx), r)
	switch {
	case err != nil:
		return err
	case e.Kind == api.Symlink:
		return isLink(ref, e)
	case content == nil:
		return errs.Hint(errs.New("cat", shown(ref), errs.Usage, errors.New("it is a directory")), "peerctl ls shows what is in it")
	}
	defer content.Close()
	return pour(a.out, content)
}
