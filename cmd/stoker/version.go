package main

import (
	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/internal/ui"
)

func versionCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program.",
		Example: "  stoker version",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			return ui.WriteLine(c.stdout, "stoker "+service.Version())
		},
	}
}
