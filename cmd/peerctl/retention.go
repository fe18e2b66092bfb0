package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/atollnet/atoll/internal/api"
)

// rules are the --keep flags, in restic's words.
type rules struct {
	r      api.Retention
	within age
}

func (k *rules) flags(f *pflag.FlagSet) {
	for _, rule := range []struct {
		name string
		to   *int
		what string
	}{
		{"last", &k.r.Last, "the newest `N` versions"}, {"hourly", &k.r.Hourly, "the newest of each of `N` hours"},
		{"daily", &k.r.Daily, "the newest of each of `N` days"}, {"weekly", &k.r.Weekly, "the newest of each of `N` weeks"},
		{"monthly", &k.r.Monthly, "the newest of each of `N` months"}, {"yearly", &k.r.Yearly, "the newest of each of `N` years"},
	} {
		f.IntVar(rule.to, "keep-"+rule.name, 0, "keep "+rule.what)
	}
	f.Var(&k.within, "keep-within", "keep what is not older than a `time`, as 1y5m7d2h, counted back from the newest")
}

// retention returns what the flags say.
func (k *rules) retention() (api.Retention, error) {
	k.r.WithinSeconds = int64(time.Duration(k.within) / time.Second)
	for _, n := range []int{k.r.Last, k.r.Hourly, k.r.Daily, k.r.Weekly, k.r.Monthly, k.r.Yearly} {
		if n < 0 {
			return k.r, usage("nothing can be kept %d times", n)
		}
	}
	return k.r, nil
}

// retentionText says rules as the flags do.
func retentionText(r api.Retention) string {
	var parts []string
	for _, rule := range []struct {
		name string
		n    int
	}{{"last", r.Last}, {"hourly", r.Hourly}, {"daily", r.Daily}, {"weekly", r.Weekly}, {"monthly", r.Monthly}, {"yearly", r.Yearly}} {
		if rule.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", rule.name, rule.n))
		}
	}
	if r.WithinSeconds > 0 {
		parts = append(parts, "within "+ageText(r.WithinSeconds))
	}
	return strings.Join(parts, " + ")
}

// ageText writes seconds as an age is written, in whole hours.
func ageText(seconds int64) string {
	days := seconds / int64(day/time.Second)
	text := ""
	if days > 0 {
		text = fmt.Sprintf("%dd", days)
	}
	if hours := seconds % int64(day/time.Second) / 3600; hours > 0 || days == 0 {
		text += fmt.Sprintf("%dh", hours)
	}
	return text
}

// retaining is the verb volume retain with its flags.
type retaining struct {
	*app
	r     api.RetainRequest
	rules rules
	all   bool
}

func (a *app) volumeRetainVerb() *cobra.Command {
	t := &retaining{app: a}
	c := &cobra.Command{
		Use:   "retain VOLUME --keep-… | --all",
		Short: "Say which versions are kept; others are forgotten by themselves",
		Long: `Give a volume rules of retention: from now on this peer forgets, once a day, the
versions that no --keep rule names, as peerctl prune does, and has what only they needed
freed. What is in the newest version always stays. The rules lie with your keys, and
move with them (peerctl id export). peerctl volumes shows them; --all takes them back.`,
		Example: `  peerctl volume retain home: --keep-within 7d --keep-weekly 8 --keep-monthly 24
  peerctl volume retain home: --keep-daily 30 --dry-run    only say what would be forgotten
  peerctl volume retain home: --all                        forget nothing any more`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return t.run(c.Context(), args[0]) },
	}
	f := c.Flags()
	t.rules.flags(f)
	f.BoolVar(&t.all, "all", false, "keep all versions")
	f.BoolVarP(&t.r.Dry, "dry-run", "n", false, "only say what would be forgotten")
	return c
}

func (t *retaining) run(ctx context.Context, arg string) (err error) {
	if t.r.Ref, err = t.volumeRef(arg); err != nil {
		return err
	}
	if t.r.Retention, err = t.rules.retention(); err != nil {
		return err
	}
	if said := t.r.Retention != (api.Retention{}); said == t.all {
		return usage("say what is kept: --keep-… rules, or --all")
	}
	m := t.meter("volume retain "+shown(t.r.Ref), 0)
	out, err := t.peerd.Retain(api.WithObserver(ctx, m), t.r)
	m.close()
	if err != nil {
		return err
	}
	return t.show(out, func() error {
		switch {
		case t.all:
			return t.print("%s keeps all versions; there are %d", out.Petname+":", out.Kept)
		case t.r.Dry:
			return t.print("%s kept, %d forgotten, if it were done", count(out.Kept, "version", "versions"), out.Forgotten)
		}
		return t.print("%s keeps %s: %s kept, %d being forgotten", out.Petname+":", retentionText(t.r.Retention), count(out.Kept, "version", "versions"), out.Forgotten)
	})
}

// age is a time as restic writes it: years, months, days and hours, as 1y5m7d2h.
// A month has 30 days, a year 365.
type age time.Duration

const day = 24 * time.Hour

var ageForm = regexp.MustCompile(`^(?:([0-9]{1,3})y)?(?:([0-9]{1,4})m)?(?:([0-9]{1,5})d)?(?:([0-9]{1,6})h)?$`)

func (d *age) String() string { return time.Duration(*d).String() }

func (d *age) Type() string { return "age" }

// Set parses a text.
func (d *age) Set(text string) error {
	parts := ageForm.FindStringSubmatch(text)
	if parts == nil || text == "" {
		return fmt.Errorf("%q is no age: write 1y5m7d2h, or a part of it", text)
	}
	*d = 0
	for i, unit := range []time.Duration{365 * day, 30 * day, day, time.Hour} {
		n, _ := strconv.Atoi("0" + parts[i+1]) // the form lets only digits through
		*d += age(time.Duration(n) * unit)
	}
	return nil
}
