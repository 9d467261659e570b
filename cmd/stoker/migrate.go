package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/store/postgres"
)

func migrateCommand(c *cli) *cobra.Command {
	var file string
	var check bool
	settings := map[string]string{}
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Make the tables in a PostgreSQL database, or bring them up to date",
		Long: `Make the tables of the job table in a PostgreSQL database, or bring them up to date.

The role needs the right to make tables in the schema. The service needs less: SELECT,
INSERT, UPDATE and DELETE on all tables. A service may be running. It goes on, unless
the new tables are of a kind that it does not know.

The password belongs into the file that PGPASSFILE names, ~/.pgpass by default, or into
PGPASSWORD: other users of the machine can read a command line. A job table in a file
needs no such command: the service brings it up to date when it starts.

Exit codes: 0 up to date; 1 could not migrate, or, with --check, not up to date; 2 wrong
usage.`,
		Example: `  stoker migrate --db postgres://stoker@db.example/stoker
  stoker migrate --db postgres://stoker@db.example/stoker --check`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sources := c.configSources(file, settings)
			sources.WithoutPlatform = true
			cfg, err := config.Load(sources)
			if err != nil {
				return err
			}
			if !postgres.IsURL(cfg.DB) {
				return usagef("--db: want postgres://USER@HOST:PORT/DATABASE; a job table in a file is brought up to date when the service starts")
			}
			if check {
				return checkMigrated(cmd.Context(), c, cfg.DB)
			}
			before, after, err := postgres.Migrate(cmd.Context(), cfg.DB)
			if err != nil {
				return runError(explainJobTable(cfg.DB, "--db", err))
			}
			if before == after {
				c.note("%s is up to date: its schema has version %d", postgres.Name(cfg.DB), after)
				return nil
			}
			c.note("%s migrated from version %d of the schema to %d", postgres.Name(cfg.DB), before, after)
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file of the service; also $STOKER_CONFIG")
	cmd.Flags().BoolVar(&check, "check", false, "say whether the tables are up to date, and change nothing")
	for _, s := range config.Settings() {
		if s.Name == "db" {
			cmd.Flags().Var(&settingFlag{Setting: s, values: settings}, s.Name, "the database, as postgres://USER@HOST:PORT/DATABASE; $"+s.Env())
		}
	}
	return cmd
}

// checkMigrated says whether the schema of a database is the one that this Stoker needs.
func checkMigrated(ctx context.Context, c *cli, url string) error {
	have, want, err := postgres.Check(ctx, url)
	if err == nil && have < want {
		err = postgres.ErrNotMigrated
	}
	if err != nil {
		return runError(explainJobTable(url, "--db", err))
	}
	c.note("%s is up to date: its schema has version %d", postgres.Name(url), have)
	return nil
}
