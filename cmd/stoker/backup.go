package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/internal/notification"
	"github.com/stokerd/stoker/internal/output"
	"github.com/stokerd/stoker/internal/service"
	"github.com/stokerd/stoker/job"
	"github.com/stokerd/stoker/store/postgres"
	"github.com/stokerd/stoker/store/sqlite"
)

func backupCommand(c *cli) *cobra.Command {
	return groupCommand("backup", "Copy the job table, check a copy, or put one back.",
		backupCreateCommand(c), backupVerifyCommand(c), backupRestoreCommand(c))
}

func backupCreateCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create FILE",
		Short: "Copy the job table to a file.",
		Long: `Copy the job table, as it is at one moment, to a new file on this machine.

The service may be running, and is not disturbed. When the command ends with exit code
0, the copy is complete and on the disk; until then its name ends in .partial. A file
that exists is not overwritten. The copy is compact, and can give room back to the disk
when batches are deleted from it.

The service itself makes copies with the settings backup_dir, backup_every and
backup_keep.

Beside the copy, FILE.notification-key is the key from which the secrets of endpoints of
notifications are made, if the service has one. It is a secret. With the setting
notification_key_file the key is kept apart, and saved by you.

Exit codes: 0 copied; 1 could not copy; 2 wrong usage, no job table to copy, or FILE
exists.`,
		Example: `  stoker backup create stoker-$(date +%F).db
  stoker backup create --db /var/lib/stoker/stoker.db /mnt/backup/stoker.db`,
		Args: oneArg,
	}
	return tableCommand(c, cmd, "the job table to copy", func(ctx context.Context, cfg *config.Config, file string) error {
		if err := service.BackUp(ctx, cfg, file); err != nil {
			return explainBackup(cfg, file, err)
		}
		c.note("%s copied to %s", cfg.DB, file)
		return nil
	})
}

func backupVerifyCommand(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE",
		Short: "Check a copy of the job table, and say what is in it.",
		Long: `Read every page of a copy, compare its counters with its jobs, and print what is in it:
batches, jobs, and when each account was last changed. Nothing is changed. FILE may also
be the job table of a running service.

Exit codes: 0 whole; 1 damaged, or cannot be read; 2 wrong usage, or no job table.`,
		Example: `  stoker backup verify /mnt/backup/stoker.db`,
		Args:    oneArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := sqlite.Verify(cmd.Context(), args[0])
			if err != nil {
				return explainCopy(args[0], err)
			}
			return c.printContent(args[0], content)
		},
	}
}

func backupRestoreCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a copy in the place of a job table that is gone.",
		Long: `Verify a copy of the job table, and copy it to where the service opens its job table.
The service must not be running, and its job table must not be there any more: nothing
is overwritten. Move the old files away first, and keep them. The notification key
beside the copy is put back with it.

When the service starts, it first compares the job table with the platform. Encodings
that were started after the copy was made are adopted, and neither started nor paid
again; the jobs of the copy wait until that is known. Batches that were submitted after
the copy was made are not in it: the log names their encodings.

Exit codes: 0 restored; 1 could not restore, or the copy is damaged; 2 wrong usage, no
job table to restore, or there is one already.`,
		Example: `  stoker backup restore /mnt/backup/stoker.db --db /var/lib/stoker/stoker.db`,
		Args:    oneArg,
	}
	return tableCommand(c, cmd, "where the job table is to be", func(ctx context.Context, cfg *config.Config, file string) error {
		content, err := service.Restore(ctx, cfg, file)
		if err != nil {
			return explainRestore(cfg, file, err)
		}
		if err := c.printContent(file, content); err != nil {
			return err
		}
		c.note("%s restored to %s", file, cfg.DB)
		c.noteReconciling(content)
		return nil
	})
}

// tableCommand gives a command the flags that say where the job table is, and has it run with that.
func tableCommand(c *cli, cmd *cobra.Command, usage string, run func(ctx context.Context, cfg *config.Config, file string) error) *cobra.Command {
	var file string
	settings := map[string]string{}
	cmd.Flags().StringVar(&file, "config", "", "configuration file of the service; also $STOKER_CONFIG")
	for _, s := range config.Settings() {
		if s.Name == "db" {
			cmd.Flags().Var(&settingFlag{Setting: s, values: settings}, s.Name, usage+"; $"+s.Env())
		}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		sources := c.configSources(file, settings)
		sources.WithoutPlatform = true
		cfg, err := config.Load(sources)
		if err != nil {
			return err
		}
		if postgres.IsURL(cfg.DB) {
			return usagef("--db %s: a database is copied by its own tools: pg_dump, or continuous archiving", postgres.Name(cfg.DB))
		}
		return run(cmd.Context(), cfg, args[0])
	}
	return cmd
}

// printContent says what is in a job table.
func (c *cli) printContent(file string, content sqlite.Content) error {
	var batches, jobs, changed []string
	for _, state := range job.BatchStates() {
		if n := content.Batches[state]; n > 0 {
			batches = append(batches, fmt.Sprintf("%s %s", output.Number(n), state))
		}
	}
	for _, state := range job.States() {
		if n := *content.Jobs.Of(state); n > 0 {
			jobs = append(jobs, fmt.Sprintf("%s %s", output.Number(n), state))
		}
	}
	for _, account := range slices.Sorted(maps.Keys(content.LastChange)) {
		changed = append(changed, account+" "+content.LastChange[account].Format(time.RFC3339))
	}
	key, keyErr := service.CheckCopiedKey(file, content)
	schema := fmt.Sprintf("%d, that of this version", content.Schema)
	if content.Schema < content.CurrentSchema {
		schema = fmt.Sprintf("%d; brought up to %d when this version opens it", content.Schema, content.CurrentSchema)
	}
	lines := [][2]string{
		{"file", file},
		{"size", job.FormatBytes(content.Size)},
		{"instance", content.InstanceID},
		{"schema", schema},
		{"batches", strings.Join(batches, ", ")},
		{"jobs", strings.Join(jobs, ", ")},
		{"results", output.Number(content.Results) + " of deleted batches"},
		{"last change", strings.Join(changed, ", ")},
		{"notification key", key},
	}
	for i := range lines {
		lines[i][1] = cmp.Or(lines[i][1], "none")
	}
	if keyErr != nil {
		c.note("%s", keyErr)
	}
	return output.WritePairs(c.stdout, c.look(c.stdout), lines)
}

// noteReconciling says what the next process is going to do with a table that was restored.
func (c *cli) noteReconciling(content sqlite.Content) {
	if len(content.LastChange) == 0 {
		return
	}
	accounts := slices.Sorted(maps.Keys(content.LastChange))
	c.note("When the service starts, it compares %s with the platform first, for everything since the last change above:"+
		" what was started since then is adopted, and not paid again. Batches that were submitted since then are missing; the log names their encodings.",
		strings.Join(accounts, ", "))
}

// explainBackup turns an error of [sqlite.Backup], which should have copied to the file to, into one with
// a file, a remedy and an exit code.
func explainBackup(cfg *config.Config, to string, err error) error {
	switch {
	case errors.Is(err, notification.ErrOtherKeyThere):
		return usagef("%w, and a backup overwrites nothing: name another file", err)
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

// explainCopy says what is wrong with a copy.
func explainCopy(file string, err error) error {
	switch {
	case errors.Is(err, job.ErrNotFound):
		return usagef("%s: there is no such file: name a copy of a job table", file)
	case errors.Is(err, job.ErrDamaged):
		return runError(fmt.Errorf("%s: %w; take another copy", file, err))
	case errors.Is(err, sqlite.ErrNewer):
		return runError(fmt.Errorf("%s: %w", file, err))
	case errors.Is(err, sqlite.ErrNoLog):
		return runError(fmt.Errorf("%s: %w; take a copy that `stoker backup create` has made", file, sqlite.ErrNoLog))
	case errors.Is(err, sqlite.ErrNotDatabase):
		return usagef("%s: %w: name a copy of one", file, sqlite.ErrNotDatabase)
	}
	return runError(err)
}

// explainRestore turns an error of [sqlite.Restore] into one with a file, a remedy and an exit code.
func explainRestore(cfg *config.Config, file string, err error) error {
	switch {
	case errors.Is(err, notification.ErrOtherKeyThere):
		return usagef("%w than that of the copy, and nothing is overwritten: move it away, and keep it", err)
	case errors.Is(err, sqlite.ErrLocked):
		return runError(fmt.Errorf("%s: %w: stop the service first", cfg.DB, sqlite.ErrLocked))
	case errors.Is(err, job.ErrExists):
		return usagef("%s exists, and nothing is overwritten: move it, its -wal and its -shm file away, and keep them", cfg.DB)
	case errors.Is(err, sqlite.ErrOtherTable):
		return usagef("%s: %w: bring the right copy, or delete %s.id if this one is meant", file, sqlite.ErrOtherTable, cfg.DB)
	case errors.Is(err, job.ErrFull):
		return runError(fmt.Errorf("%s: no space left for the job table: make room on the disk", cfg.DB))
	}
	if dir, statErr := os.Stat(filepath.Dir(cfg.DB)); statErr != nil || !dir.IsDir() {
		return runError(fmt.Errorf("%s: there is no such directory: make it, or name another file with --db", cfg.DB))
	}
	return explainCopy(file, err)
}
