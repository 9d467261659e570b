package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/stokerd/stoker/store"
)

// ReadDatabase asks the server how it stands.
func (db *database) ReadDatabase(ctx context.Context) (store.Database, error) {
	d, err := examine(ctx, db.reader)
	d.Name, d.UnverifiedHost = nameOf(db.connector.config.ConnConfig), unverifiedHost(db.connector.config.ConnConfig)
	return d, err
}

// CountDatabase returns what this process has counted.
func (db *database) CountDatabase() store.DatabaseFigures {
	pool := db.reader.pool.Stat()
	return store.DatabaseFigures{
		Readers: int64(pool.MaxConns()), ReadersInUse: int64(pool.AcquiredConns()), Listening: db.Listening(),
		UnknownCommits: db.keeper.figures.unknownCommits.Load(),
	}
}

// Examine connects to the database that a URL names, for a service that does not run, and returns how it stands. The
// errors are those of [Open]: a database on which a service would not start is refused.
func Examine(ctx context.Context, url string) (store.Database, error) {
	config, err := parse(url)
	if err != nil {
		return store.Database{}, err
	}
	conn, err := (&connector{config: config}).connect(ctx)
	if err != nil {
		return store.Database{}, interpret(err)
	}
	defer conn.close()
	for _, check := range []func(context.Context, *pgx.Conn) error{checkServer, checkSchema, checkRights} {
		if err := check(ctx, conn.Conn); err != nil {
			return store.Database{}, err
		}
	}
	d, err := examine(ctx, conn)
	d.Name, d.UnverifiedHost = nameOf(config.ConnConfig), unverifiedHost(config.ConnConfig)
	return d, err
}

// examine asks the server how it stands. Sessions of other roles tell their snapshots to everybody.
func examine(ctx context.Context, q querier) (store.Database, error) {
	const query = `
SELECT current_setting('server_version'), clock_timestamp(),
       current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') <> 'local',
       (SELECT coalesce(max(age(backend_xmin)), 0) FROM pg_stat_activity),
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), current_setting('max_connections')::bigint`
	asked := time.Now()
	d, err := one(ctx, q, func(r row) (d store.Database, err error) {
		var now time.Time
		err = r.Scan(&d.Version, &now, &d.Synchronous, &d.OldestSnapshot, &d.Connections, &d.MaxConnections)
		d.ClockOffset = asked.Add(time.Since(asked) / 2).Sub(now) // the server has looked in between
		return d, err
	}, query)
	if err != nil {
		return d, fmt.Errorf("ask the server how it stands: %w", err)
	}
	if timeline, err := one(ctx, q, scalar[string], queryTimeline); err == nil {
		d.Timeline = timeline
	}
	return d, nil
}
