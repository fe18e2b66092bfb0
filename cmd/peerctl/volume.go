package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

func (a *app) volumesVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "volumes",
		Short: "List the volumes that have a petname here",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return a.volumes(c.Context()) },
	}
}

func (a *app) volumes(ctx context.Context) error {
	volumes, err := a.peerd.Volumes(ctx)
	if err != nil {
		return err
	}
	for _, v := range volumes {
		err := a.show(v, func() error {
			whose := "yours"
			if v.Shared {
				whose = "shared"
			}
			if v.Deleted {
				return a.print("%-16s  deleted by its owner, object %s", v.Petname+":", v.Object)
			}
			keeps := ""
			if v.Retention != nil {
				keeps = ", keeps " + retentionText(*v.Retention)
			}
			return a.print("%-16s  %-6s  version %d, object %s%s", v.Petname+":", whose, v.Version, v.Object, keeps)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) volumeVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "volume add|rm|rename|retain|delete",
		Short: "Name, forget or rename volumes on this peer, say what of one is kept, or delete it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage("say what: volume add NAME REF, volume rm NAME, volume rename NAME NAME, volume retain VOLUME, volume delete VOLUME")
		},
	}
	c.AddCommand(a.volumeAddVerb(), a.volumeRemoveVerb(), a.volumeDeleteVerb(), a.volumeRetainVerb(), &cobra.Command{
		Use:   "rename NAME NAME",
		Short: "Give a volume another petname",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkPetname(args[1]); err != nil {
				return err
			}
			return a.volume(a.peerd.ChangeVolume(a.listening(c.Context()), api.ChangeVolumeRequest{Petname: args[0], To: args[1]}))
		},
	})
	return c
}

func (a *app) volumeAddVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "add NAME REF",
		Short: "Call what a reference names NAME:, also if it is somebody else's",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkPetname(args[0]); err != nil {
				return err
			}
			ref, err := a.ref(args[1])
			if err != nil {
				return err
			}
			return a.volume(a.peerd.AddVolume(a.listening(c.Context()), api.AddVolumeRequest{Petname: args[0], Ref: ref}))
		},
	}
}

func (a *app) volumeRemoveVerb() *cobra.Command {
	force := false
	c := &cobra.Command{
		Use:   "rm NAME",
		Short: "Forget a petname; prints the reference that finds the volume again",
		Long: `Forget a petname, and print the reference that finds the volume again. What is stored
stays. Your own volume is forgotten only with --force: nobody else may have its reference.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := a.peerd.ChangeVolume(a.listening(c.Context()), api.ChangeVolumeRequest{Petname: args[0], Force: force})
			if err != nil {
				return err
			}
			a.say("%s: is forgotten here", args[0])
			return a.show(v, func() error { return a.print("%s", v.Reference) })
		},
	}
	c.Flags().BoolVar(&force, "force", false, "forget a volume of your own too")
	return c
}

func (a *app) volumeDeleteVerb() *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use:   "delete VOLUME",
		Short: "Delete a volume everywhere, all versions of it, for good",
		Long: `Delete a volume of your own with all its versions, for everybody who can read it, and
have the holders of its shares free them: within minutes those that answer, the others
when they come back. It asks first, and cannot be undone.

rm removes entries and leaves them in earlier versions; volume rm forgets a name here
and leaves the volume as it is.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.deleteVolume(c.Context(), args[0], yes) },
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (a *app) deleteVolume(ctx context.Context, arg string, yes bool) error {
	ref, err := a.volumeRef(arg)
	if err != nil {
		return err
	}
	if !yes {
		if err := a.confirm("delete %s with all its versions, for everybody and for good?", shown(ref)); err != nil {
			return err
		}
	}
	m := a.meter("delete "+shown(ref), 0)
	d, err := a.peerd.DeleteVolume(api.WithObserver(ctx, m), api.DeleteVolumeRequest{Ref: ref})
	m.close()
	if err != nil {
		return err
	}
	return a.show(d, func() error {
		if d.Version == 0 {
			return a.print("%s was deleted before, and its name is forgotten now", shown(ref))
		}
		text := fmt.Sprintf("%s is deleted in version %d; %s on %s being freed", shown(ref), d.Version, size(d.FreedBytes), count(d.Holders-d.Silent, "holder", "holders"))
		if d.Silent > 0 {
			text += fmt.Sprintf("; %s could not be told yet", count(d.Silent, "holder", "holders"))
		}
		return a.print("%s", text)
	})
}

// volume says what a volume is called now.
func (a *app) volume(v api.Volume, err error) error {
	if err != nil {
		return err
	}
	a.say("%s: is object %s", v.Petname, v.Object)
	return a.show(v, func() error { return nil })
}

func checkPetname(petname string) error {
	if !isDestination(petname+":") || petname == "atoll" {
		return errs.Hint(usage("%q cannot be a petname", petname), "a petname is one word without : / @ and %%, and not atoll")
	}
	return nil
}
