package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/stokerd/stoker/store"
)

// defaultReaders is how many connections read side by side, unless the options say another number.
const defaultReaders = 8

// Open opens the job table in the database that a URL names. The schema must be there: see [Migrate].
//
// One process at a time may have it open. If another one has, the error is [ErrLocked]; the lease of one that has
// died ends after some seconds, for which Open waits. If another process takes the table over while it is open, every
// write from then on fails with [ErrDeposed]; see also [store.Options].
//
// The other errors are [ErrNotMigrated], [ErrNewer], [ErrNotJobTable], [ErrOldServer], [ErrEncoding],
// [ErrNotDurable], [ErrReadOnly], [ErrRights], [ErrRefused] and [ErrPooler], and those of a server that cannot be
// reached. None has the password in it.
//
// Of the options, Unsafe, MustExist and AcceptNoLog mean nothing here. The context is for opening only.
func Open(ctx context.Context, url string, o store.Options) (*store.Store, error) {
	db, err := openDatabase(ctx, url, o, defaultLease)
	if err != nil {
		return nil, err
	}
	return store.New(db, o), nil
}

// database is the engine of a job table in PostgreSQL.
type database struct {
	queries // on the readers' connections
	log     *slog.Logger

	instance string
	writer   *writer
	reader   *reader
	lease    *lease
}

var _ store.Engine = (*database)(nil)

func openDatabase(ctx context.Context, url string, o store.Options, times leaseTimes) (*database, error) {
	config, err := parse(url)
	if err != nil {
		return nil, fmt.Errorf("open job table: %w", err)
	}
	db := &database{log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler))}
	if err := db.open(ctx, config, o, times); err != nil {
		return nil, fmt.Errorf("open job table %s: %w", nameOf(config.ConnConfig), err)
	}
	return db, nil
}

func (db *database) open(ctx context.Context, config *pgxpool.Config, o store.Options, times leaseTimes) (err error) {
	c := &connector{config: config}
	if db.instance, err = db.inspect(ctx, c); err != nil {
		return err
	}
	db.lease = &lease{
		connect: c.connect, log: db.log, times: times, onLost: o.OnLost,
		name: serviceLease, holder: strings.ToLower(rand.Text()), address: ownAddress(),
	}
	config.MaxConns = int32(cmp.Or(o.Readers, defaultReaders)) //nolint:gosec // a small number
	config.AfterConnect = c.check
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return interpret(err)
	}
	if err := db.lease.gain(ctx); err != nil {
		pool.Close()
		return err
	}
	db.reader = &reader{pool}
	db.queries = newQueries(db.reader)
	db.writer = &writer{connect: c.connect, log: db.log, lease: db.lease, dropAll: pool.Reset}
	return nil
}

// ownAddress says on which machine this process runs.
func ownAddress() string {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	return fmt.Sprintf("%s, process %d", host, os.Getpid())
}

// inspect refuses a database that is not for this Stoker. It returns the instance id.
func (db *database) inspect(ctx context.Context, c *connector) (instance string, err error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return "", interpret(err)
	}
	defer conn.close()
	if err := checkServer(ctx, conn.Conn); err != nil {
		return "", err
	}
	if err := checkSchema(ctx, conn.Conn); err != nil {
		return "", err
	}
	if err := checkRights(ctx, conn.Conn); err != nil {
		return "", err
	}
	timeline, err := readTimeline(ctx, conn.Conn)
	if err != nil {
		db.log.WarnContext(ctx, "the server does not say its timeline: a failover that loses what was written last will not be noticed", "err", err)
		timeline = ""
	}
	c.timeline.Store(&timeline)
	db.reportDurability(ctx, conn.Conn)
	err = conn.QueryRow(ctx, `SELECT value FROM meta WHERE name = 'instance_id'`).Scan(&instance)
	if err != nil {
		return "", fmt.Errorf("read the name of the instance: %w", interpret(err))
	}
	return instance, nil
}

// reportDurability says in the log what a commit survives.
func (db *database) reportDurability(ctx context.Context, conn *pgx.Conn) {
	var fsync, standbys string
	const query = `SELECT current_setting('fsync'), CASE current_setting('synchronous_commit') WHEN 'local' THEN '' ELSE current_setting('synchronous_standby_names') END`
	if err := conn.QueryRow(ctx, query).Scan(&fsync, &standbys); err != nil {
		db.log.WarnContext(ctx, "the server does not say how durable a commit is", "err", err)
		return
	}
	if fsync != "on" {
		db.log.WarnContext(ctx, "fsync of the server is off: a power failure destroys the job table", "db", nameOf(conn.Config()))
	}
	if standbys == "" {
		db.log.InfoContext(ctx, "no synchronous standby: a failover loses what was acknowledged last, and Stoker then looks for it at the platform")
		return
	}
	db.log.InfoContext(ctx, "commits wait for a standby", "db", nameOf(conn.Config()))
}

// InstanceID is the random name of this job table.
func (db *database) InstanceID() string { return db.instance }

// Trusted returns nil while no other process can have taken the table over.
func (db *database) Trusted() error { return db.lease.trusted() }

// DiskSpace says nothing: the disk is the server's.
func (db *database) DiskSpace() (free, total int64, err error) { return 0, 0, nil }

// TableSize is the size of the database. What is unused in it is not known without reading all of it.
func (db *database) TableSize(ctx context.Context) (size, unused int64, err error) {
	size, err = one(ctx, db.reader, scalar[int64], `SELECT pg_database_size(current_database())`)
	return size, 0, err
}

// Close gives the lease back and closes all connections.
func (db *database) Close() error {
	db.lease.close()
	db.writer.close()
	db.reader.pool.Close()
	return nil
}
