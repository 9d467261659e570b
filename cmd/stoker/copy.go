package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/ui"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/postgres"
	"github.com/stokerd/stoker/store/sqlite"
)

func copyCommand(c *cli) *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "copy",
		Short: "Copy the job table from a file into a PostgreSQL database",
		Long: `Copy everything in the job table of a file into an empty PostgreSQL database: all of it, or
nothing. The service must be stopped. The tables must be there: stoker migrate makes
them. The role of --to is the one that owns them.

The file is read completely first, and is not changed. A note beside it, FILE.copied,
keeps a service from opening it again: two services would pay for the same jobs. The
service that is started with --db URL compares its jobs with the platform first, and goes
on where the other one has stopped.

The password belongs into the file that PGPASSFILE names, ~/.pgpass by default, or into
PGPASSWORD: other users of the machine can read a command line. The secrets of
notifications are made from a key that is in no table. Name its file with
notification_key_file when you start the service.

Exit codes: 0 copied; 1 could not copy; 2 wrong usage, or no job table to copy.`,
		Example: `  stoker migrate --db postgres://stoker@db.example/stoker
  stoker copy --from stoker.db --to postgres://stoker@db.example/stoker`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case from == "":
				return usagef("--from: want the file of the job table, stoker.db if the service has no other setting")
			case postgres.IsURL(from):
				return usagef("--from: want the file of a job table; a database is copied by its own tools, pg_dump and pg_restore")
			case !postgres.IsURL(to):
				return usagef("--to: want postgres://USER@HOST:PORT/DATABASE; a file is copied by stoker backup create")
			}
			return copyTable(cmd.Context(), c, from, to)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the `FILE` with the job table")
	cmd.Flags().StringVar(&to, "to", "", "the database, as postgres://USER@HOST:PORT/DATABASE")
	return cmd
}

// copyTable copies the job table in a file into a database.
func copyTable(ctx context.Context, c *cli, from, to string) (err error) {
	if have, want, err := postgres.Check(ctx, to); err != nil || have < want {
		if err == nil {
			err = fmt.Errorf("%s: %w", postgres.Name(to), postgres.ErrNotMigrated)
		}
		return runError(explainImport(from, to, err))
	}
	source, err := sqlite.OpenExport(ctx, from, postgres.Name(to), store.Options{})
	if err != nil {
		return explainExport(from, err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	progress := ui.NewUploadProgress(c.stderr, c.getenv)
	var rows int64
	err = postgres.Import(ctx, to, source, func(done, total int64) {
		rows = total
		progress.Show(ui.Upload{Verb: "copying", Done: done, Total: total, Complete: done == total})
	})
	progress.Close()
	if err != nil {
		return runError(explainImport(from, to, err))
	}
	c.note("%s copied to %s: %s rows", from, postgres.Name(to), output.Number(rows))
	c.note("Start the service with --db %s. It compares its jobs with the platform first.", postgres.Name(to))
	return nil
}

// explainExport turns an error of [sqlite.OpenExport] into one with a file, a remedy and an exit code.
func explainExport(from string, err error) error {
	switch {
	case errors.Is(err, job.ErrNotFound):
		return usagef("%s: there is no job table: name the service's with --from", from)
	case errors.Is(err, sqlite.ErrNotDatabase):
		return usagef("%s: %w: name the service's with --from", from, sqlite.ErrNotDatabase)
	case errors.Is(err, sqlite.ErrLocked):
		return runError(fmt.Errorf("%s: %w: stop the service first", from, sqlite.ErrLocked))
	}
	return runError(explainJobTable(from, "--from", err))
}

// explainImport adds a remedy to an error of [postgres.Import].
func explainImport(from, to string, err error) error {
	switch {
	case errors.Is(err, postgres.ErrCopied):
		return fmt.Errorf("%w: start the service with --db %s", err, postgres.Name(to))
	case errors.Is(err, postgres.ErrInUse):
		return fmt.Errorf("%w: stop it, and make another database if it has begun to work on this one; nothing was changed", err)
	case errors.Is(err, postgres.ErrNotEmpty):
		return fmt.Errorf("%w: make another database, and its tables with stoker migrate; nothing was changed", err)
	case errors.Is(err, postgres.ErrNotMigrated):
		return fmt.Errorf("%w: run stoker migrate --db %s", err, postgres.Name(to))
	case errors.Is(err, postgres.ErrRights):
		return fmt.Errorf("%w: copy as the role that owns the tables; nothing was changed", err)
	case errors.Is(err, job.ErrUnconfirmed):
		return fmt.Errorf("%w: run the same command again, which says whether the rows are there; until then %s.copied keeps the file from being used", err, from)
	}
	return explainJobTable(to, "--to", err)
}
