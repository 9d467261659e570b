package service

import (
	"context"
	"log/slog"

	"github.com/stokerd/stoker/internal/config"
	"github.com/stokerd/stoker/store"
	"github.com/stokerd/stoker/store/postgres"
	"github.com/stokerd/stoker/store/sqlite"
)

// openTable opens the job table, in a file or in a database. address says to others where this process runs. onLost is told if it is taken away later, and
// onCommit of every commit.
func openTable(ctx context.Context, cfg *config.Config, log *slog.Logger, address string, onLost func(error), onCommit func(store.Commit)) (*store.Store, error) {
	options := store.Options{
		Logger: log, MustExist: cfg.DBMustExist, AcceptNoLog: cfg.AcceptNoLog, OnLost: onLost, OnCommit: onCommit,
		Address: address, Version: Version(), ListenURL: cfg.DBListen,
		DiskFloor: store.Floor(cfg.DiskFloor), MigrateWithoutCopy: cfg.MigrateWithoutCopy,
	}
	if !postgres.IsURL(cfg.DB) {
		return sqlite.Open(ctx, cfg.DB, options)
	}
	if cfg.Migrate {
		_, _, err := postgres.Migrate(ctx, cfg.DB)
		if err != nil {
			return nil, err
		}
		log.InfoContext(ctx, "the schema of the database is up to date", "db", postgres.Name(cfg.DB))
	}
	return postgres.Open(ctx, cfg.DB, options)
}
