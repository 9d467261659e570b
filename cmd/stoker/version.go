package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/service"
)

func versionCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program.",
		Example: "  stoker version",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if !c.out.ForPrograms() {
				return output.WriteLine(c.stdout, "stoker "+service.Version())
			}
			line, err := json.Marshal(struct {
				Version string `json:"version"`
			}{service.Version()})
			if err != nil {
				return err
			}
			return output.WriteDocument(c.stdout, c.out, line)
		},
	}
	c.addOutputFlags(cmd, documentFormats())
	return cmd
}
