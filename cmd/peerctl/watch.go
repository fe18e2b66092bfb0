package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/client"
)

func (a *app) watchVerb() *cobra.Command {
	all, number := false, 0
	c := &cobra.Command{
		Use:   "watch REF",
		Short: "Print versions as they are made",
		Long: `Print the versions in which an entry, or something below it, changes, as they are
made: number, time, author. It ends when it is interrupted, or after --count versions.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if number < 0 {
				return usage("--count is negative")
			}
			return a.watch(c.Context(), args[0], all, number)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every version of the volume")
	c.Flags().IntVar(&number, "count", 0, "end after `N` versions; 0: never")
	return c
}

// errEnough ends a watch that has seen what it waited for.
var errEnough = errors.New("enough")

func (a *app) watch(ctx context.Context, arg string, all bool, number int) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	seen := -1 // the first is where it begins
	peerd := client.New(a.socket, 0)
	defer peerd.Close()
	return untilEnough(peerd.Watch(a.listening(ctx), api.WatchRequest{Ref: ref, Consistency: a.consistency, All: all}, func(v api.LogVersion) error {
		if seen++; seen == 0 {
			return nil
		}
		if err := a.show(v, func() error { return a.printVersion(v) }); err != nil {
			return err
		}
		if seen == number {
			return errEnough
		}
		return nil
	}))
}

func untilEnough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (a *app) printVersion(v api.LogVersion) error {
	return a.print("%6d  %s  %s", v.Version, v.Time.Local().Format(time.DateTime), v.Author)
}

func (a *app) waitVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "wait REF@N",
		Short: "Wait until a volume has reached version N",
		Long: `Wait until the volume that REF is in has reached version N. It gives up, with exit code 10,
when no version was made for --timeout.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.wait(c.Context(), args[0]) },
	}
}

func (a *app) wait(ctx context.Context, arg string) error {
	ref, err := a.ref(arg)
	if err != nil {
		return err
	}
	ref, text, _ := strings.Cut(ref, "@")
	version, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return usage("%s does not say which version to wait for: write REF@N", shown(ref))
	}
	return untilEnough(a.peerd.Watch(a.listening(ctx), api.WatchRequest{Ref: ref, Consistency: a.consistency, All: true}, func(v api.LogVersion) error {
		if v.Version >= version {
			return errEnough
		}
		return nil
	}))
}
