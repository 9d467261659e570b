package main

import (
	"encoding/json"
	"io"

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
				return writeVersion(c.stdout)
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

func writeVersion(w io.Writer) error {
	return output.WriteLine(w, "stoker "+service.Version())
}

// addVersionFlag gives root the flag --version. That of cobra prints by a template, for which the program would have to keep
// every method of every type: it would be an eighth larger, on disk and in memory.
func addVersionFlag(root *cobra.Command, stdout io.Writer) {
	asked := root.Flags().BoolP("version", "v", false, "version of this program")
	run := root.RunE
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if *asked {
			return writeVersion(stdout)
		}
		return run(cmd, args)
	}
}
