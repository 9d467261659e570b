package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store/postgres"
	"github.com/stokerd/stoker/store/sqlite"
)

func backupCommand(c *cli) *cobra.Command {
	var file string
	settings := map[string]string{}
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the job table to a file",
		Long: `Copy the job table, as it is at one moment, to a new file on this machine.

The service may be running, and is not disturbed. When the command ends with exit code
0, the copy is complete and on the disk; until then its name ends in .partial. A file
that exists is not overwritten.

To restore a copy, stop the service, delete the -wal and -shm files beside the job
table, and put the copy in the job table's place. When the service starts again, it
first compares the job table with the platform: encodings that were started after the
copy was made are adopted, and not started again.

Exit codes: 0 copied; 1 could not copy; 2 wrong usage, no job table to copy, or FILE
exists.`,
		Example: `  stoker backup stoker-$(date +%F).db
  stoker backup --db /var/lib/stoker/stoker.db /mnt/backup/stoker.db`,
		Args: oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			sources := c.configSources(file, settings)
			sources.WithoutPlatform = true
			cfg, err := config.Load(sources)
			if err != nil {
				return err
			}
			if postgres.IsURL(cfg.DB) {
				return usagef("--db %s: a database is copied by its own tools: pg_dump, or continuous archiving", postgres.Name(cfg.DB))
			}
			if err := sqlite.Backup(cmd.Context(), cfg.DB, args[0]); err != nil {
				return explainBackup(cfg, args[0], err)
			}
			c.note("%s copied to %s", cfg.DB, args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file of the service; also $STOKER_CONFIG")
	for _, s := range config.Settings() {
		if s.Name == "db" {
			cmd.Flags().Var(&settingFlag{Setting: s, values: settings}, s.Name, "the job table to copy; $"+s.Env())
		}
	}
	return cmd
}

// explainBackup turns an error of [store.Backup], which should have copied to the file to, into one with
// a file, a remedy and an exit code.
func explainBackup(cfg *config.Config, to string, err error) error {
	switch {
	case errors.Is(err, job.ErrExists):
		return usagef("%s exists already, and a backup overwrites nothing: name another file", to)
	case errors.Is(err, job.ErrNotFound):
		return usagef("%s: there is no job table: name the service's with --db", cfg.DB)
	case errors.Is(err, sqlite.ErrNotDatabase):
		return usagef("%s: %w: name the service's with --db", cfg.DB, sqlite.ErrNotDatabase)
	case errors.Is(err, job.ErrFull):
		return runError(fmt.Errorf("%s: no space left for the copy", to))
	}
	if dir, statErr := os.Stat(filepath.Dir(to)); statErr != nil || !dir.IsDir() {
		return runError(fmt.Errorf("%s: there is no such directory: make it, or name another file", to))
	}
	return runError(explainJobTable(cfg.DB, "--db", err))
}
