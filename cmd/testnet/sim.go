package main

import "github.com/spf13/cobra"

func simCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "sim",
		Short: "Simulate networks too large for one machine, in virtual time",
		Args:  none,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(simNamesCommand(), simCustodyCommand())
	return c
}
